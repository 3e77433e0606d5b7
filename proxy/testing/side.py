"""[IO] One side as an httpx client: its own cookies, and its own values in the place of paired ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import httpx

from proxy.config.model import HeaderEdits
from proxy.testing.paired import Placeholders

SECONDS: Final = 30.0


class Target(NamedTuple):
    """Where a request goes: an absolute URL, and what a route changes in its fields."""

    url: str
    edits: HeaderEdits = HeaderEdits()


Reach = Callable[[httpx.Request], Target]
"""Where a request goes that is addressed to the side as a whole. Raises AssertionError where nobody is to be asked."""


class SideClient(httpx.Client):
    """An httpx client whose relative URLs are the side's. Redirects are answers; nothing of the environment is used."""

    def __init__(
        self, side: str, base_url: str, placeholders: Placeholders, transport: httpx.BaseTransport, reach: Reach | None
    ) -> None:
        super().__init__(base_url=base_url, transport=transport, trust_env=False, timeout=SECONDS)
        self.side = side
        self._placeholders = placeholders
        self._reach = reach

    def __repr__(self) -> str:
        return f"<{self.side}>" if self._reach else f"<{self.side} {self.base_url}>"

    def build_request(self, method: str, url: httpx.URL | str, **sent: Any) -> httpx.Request:
        """As httpx does, with this side's own values, and sent to the service that the route names."""
        method, url, sent = (self._placeholders.own(each, self.side) for each in (method, url, sent))
        request = super().build_request(method, url, **sent)
        if self._reach is None or httpx.URL(url).is_absolute_url:
            return request
        target = self._reach(request)
        sent.pop("params", None)  # they are in the URL by now
        return _edited(super().build_request(method, target.url, **sent), target.edits)


def _edited(request: httpx.Request, edits: HeaderEdits) -> httpx.Request:
    for name in edits.remove:
        request.headers.pop(name, None)
    for name, value in edits.set:
        request.headers[name] = value
    added = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in edits.add]
    request.headers = httpx.Headers([*request.headers.raw, *added])
    return request
