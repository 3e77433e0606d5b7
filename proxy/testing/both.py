"""[IO] The same request to both sides, each with its own ids, cookies and tokens.

Safe methods are asked at the same time; writes one after the other, the monolith first, so that a step of a test is
over on one side before the other begins it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from proxy.config.compare import Compare
from proxy.testing.answer import Judge, PairedAnswer
from proxy.testing.links import Links
from proxy.testing.paired import Paired, Placeholders
from proxy.testing.side import SideClient
from proxy.wire.exchange import Exchange
from proxy.wire.head import SAFE
from proxy.wire.redaction.marks import MARK

_OF_THE_CONNECTION: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"}
)

Rules = Callable[[httpx.Request], tuple[str | None, Compare]]


@dataclass(repr=False)
class Both:
    """Two clients used as one. `headers` go with every request, and `ignore` holds for every answer of the test.

    A call's own headers go before these, and its own rules beside them.
    """

    legacy: SideClient
    service: SideClient
    placeholders: Placeholders
    rules: Rules
    record: Callable[[str, object], None]
    headers: dict[str, Any] = field(default_factory=dict)
    ignore: list[str] = field(default_factory=list)
    links: Links = field(default_factory=Links)

    def request(self, method: str, url: str, **sent: Any) -> PairedAnswer:
        """Asks both; arguments as httpx takes them, paired values anywhere in them. Raises AssertionError for silence.

        A body that is a stream can be sent once: TypeError asks for its bytes.
        """
        if hasattr(sent.get("content"), "__next__"):
            raise TypeError("an iterator can be sent to one side alone: give the bytes of the body")
        sent["headers"] = self._headers(sent.get("headers"))
        used: list[Paired] = []
        own = [
            self.placeholders.own((method, url, sent), side.side, found)
            for side, found in ((self.legacy, used), (self.service, []))
        ]
        self.links.learn(used)
        legacy, service = self._ask(method.upper() in SAFE, *own)
        route, compare = self.rules(legacy.request)
        return PairedAnswer(
            legacy, service, Judge(route, compare, tuple(self.ignore), self.links, self.placeholders, self.record)
        )

    def get(self, url: str, **sent: Any) -> PairedAnswer:
        return self.request("GET", url, **sent)

    def head(self, url: str, **sent: Any) -> PairedAnswer:
        return self.request("HEAD", url, **sent)

    def options(self, url: str, **sent: Any) -> PairedAnswer:
        return self.request("OPTIONS", url, **sent)

    def post(self, url: str, **sent: Any) -> PairedAnswer:
        return self.request("POST", url, **sent)

    def put(self, url: str, **sent: Any) -> PairedAnswer:
        return self.request("PUT", url, **sent)

    def patch(self, url: str, **sent: Any) -> PairedAnswer:
        return self.request("PATCH", url, **sent)

    def delete(self, url: str, **sent: Any) -> PairedAnswer:
        return self.request("DELETE", url, **sent)

    def pair(self, legacy: Any, service: Any) -> Paired:
        """A value of each side that came from elsewhere: a token of its own, a row of its own database."""
        return Paired(legacy, service, self.placeholders)

    def replay(self, exchange: Exchange, headers: Mapping[str, Any] | None = None) -> PairedAnswer:
        """Asks both what was recorded. Masked fields are left out: `headers` and the cookies of each side stand in."""
        asked = exchange.request
        given = {name.lower() for name in (headers or {})}
        kept = [
            (name, value)
            for name, value in asked.fields
            if name.lower() not in _OF_THE_CONNECTION | given and not MARK.search(value)
        ]
        sent = [*kept, *(headers or {}).items()]
        return self.request(asked.method, asked.target, headers=sent, content=asked.body or None)

    def __repr__(self) -> str:
        """Without headers and cookies: pytest shows it wherever a test fails."""
        return f"<Both {self.legacy!r}, {self.service!r}>"

    def _headers(self, given: Mapping[str, Any] | Sequence[tuple[str, Any]] | None) -> list[tuple[str, Any]]:
        own = list(given.items() if isinstance(given, Mapping) else given or ())
        named = {str(name).lower() for name, _ in own}
        return [*((name, value) for name, value in self.headers.items() if name.lower() not in named), *own]

    def _ask(
        self, safe: bool, legacy: tuple[str, str, dict[str, Any]], service: tuple[str, str, dict[str, Any]]
    ) -> tuple[httpx.Response, httpx.Response]:
        if not safe:
            return _answer(self.legacy, *legacy), _answer(self.service, *service)
        with ThreadPoolExecutor(1) as other:
            asked = other.submit(_answer, self.service, *service)
            return _answer(self.legacy, *legacy), asked.result()


def _answer(side: SideClient, method: str, url: str, sent: dict[str, Any]) -> httpx.Response:
    try:
        return side.request(method, url, **sent)
    except httpx.RequestError as error:
        where = f"{error.request.url.scheme}://{error.request.url.netloc.decode('ascii')}"
        reason = str(error) or type(error).__name__
        raise AssertionError(f"{side.side} ({where}) gave no answer to {method}: {reason}") from error
