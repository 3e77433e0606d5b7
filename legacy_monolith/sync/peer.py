"""A service's internal endpoints, for the commands that fill it and compare it. Whatever goes wrong is `CannotAsk`."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

TIMEOUT = httpx.Timeout(60, connect=5)  # an import of 200 events is one transaction
TRIES = 6  # of an import: about six seconds in all
PAGE = 500


class CannotAsk(Exception):
    """The service was not reached, or its answer is none that was expected; says which, and never a token."""


@dataclass
class Peer:
    url: str
    token: str
    transport: httpx.BaseTransport | None = None
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        self._client = httpx.Client(
            base_url=self.url, headers=headers, timeout=TIMEOUT, trust_env=False, transport=self.transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def status(self) -> Mapping[str, Mapping[str, Any]]:
        return self._ask("GET", "/internal/sync")["entities"]

    def send(self, events: Sequence[Mapping[str, Any]], **others: Any) -> Mapping[str, int]:
        """Imports events; how often each decision was made. Sent again when the service is away for a moment: events
        carry their versions, so a repetition does nothing."""
        document = {"events": events, **others}
        return self._ask("POST", "/internal/sync/import", json=document, tries=TRIES)["decisions"]

    def checksums(self, entity: str, kind: str) -> Iterator[tuple[str, int, str]]:
        """Key, version and checksum of all there are, in the order of their keys."""
        after: str | None = ""
        while after is not None:
            parameters = {"entity": entity, "kind": kind, "after": after, "limit": str(PAGE)}
            page = self._ask("GET", "/internal/sync/checksums", params=parameters)
            yield from ((item["id"], item["version"], item["checksum"]) for item in page["items"])
            after = page["next"]

    def _ask(self, method: str, path: str, *, tries: int = 1, **what: Any) -> dict[str, Any]:
        for attempt in range(1, tries + 1):
            try:
                answer = self._client.request(method, path, **what)
            except httpx.HTTPError as error:
                trouble = f"{self.url} cannot be reached ({type(error).__name__})"
            else:
                if answer.status_code == 200:
                    return answer.json()
                trouble = f"{self.url}{path} answered {answer.status_code}{_detail(answer)}"
                if answer.status_code not in (502, 503, 504):
                    break
            if attempt < tries:
                time.sleep(0.1 * 2**attempt)
        raise CannotAsk(trouble)


def _detail(answer: httpx.Response) -> str:
    try:
        return f": {answer.json()['detail']}"[:500]
    except (ValueError, KeyError, TypeError):
        return ""
