"""Which routes moved, as the console tells it: what it says now, compared with what it said before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from typing import Any, Self

from proxy import clock
from proxy.demo.web import Answer, Client

ABSENT = "(none)"


@dataclass(frozen=True, slots=True)
class Seen:
    """The table that serves, and what is wrong with the file as it is now."""

    revision: str
    stages: Mapping[str, str]
    problem: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """One route at another stage than before; `ABSENT` where it did not or does not exist."""

    at: datetime
    revision: str
    route: str
    before: str
    after: str


class Console:
    """The proxy's console. Its methods raise `OSError` or `http.client.HTTPException`."""

    def __init__(self, port: int, token: str) -> None:
        self._client = Client(port, {"Authorization": f"Bearer {token}"})

    def look(self) -> Seen:
        table, ready = self._get("/api/v1/routes").json(), self._get("/readyz").json()
        return Seen(table["revision"], {one["name"]: one["stage"] for one in table["routes"]}, ready["config_error"])

    def compared(self, route: str) -> Mapping[str, Any]:
        """What comparing the two sides of a route came to."""
        (found,) = self._get(f"/api/v1/mismatches?route={route}").json()["routes"]
        return dict(found)

    def _get(self, path: str) -> Answer:
        answer = self._client.get(path)
        if answer.status != 200:
            raise HTTPException(f"{path} answers {answer.status} {answer.reason}")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


def moves(before: Seen, after: Seen) -> Iterator[Move]:
    """In the order of the table that serves now; routes that are gone come last."""
    at = clock.now().astimezone()
    for route in dict.fromkeys((*after.stages, *before.stages)):
        left, reached = before.stages.get(route, ABSENT), after.stages.get(route, ABSENT)
        if left != reached:
            yield Move(at, after.revision, route, left, reached)
