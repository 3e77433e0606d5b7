"""Which routes moved, as the console tells it: what it says now, compared with what it said before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Self

from proxy.demo.web import Answer, Client

ABSENT = "(none)"


@dataclass(frozen=True, slots=True)
class Seen:
    """The table that serves, and what is wrong with the file as it is now. A place is a stage, with its weight."""

    revision: str
    places: Mapping[str, str]
    problem: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """One route at another place than before; `ABSENT` where it did not or does not exist."""

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
        return Seen(table["revision"], {one["name"]: _place(one) for one in table["routes"]}, ready["config_error"])

    def compared(self, route: str) -> Mapping[str, Any]:
        """What comparing the two sides of a route came to."""
        (found,) = self._get(f"/api/v1/mismatches?route={route}").json()["routes"]
        return dict(found)

    def rollout(self, route: str) -> Mapping[str, Any]:
        """How far the rollout of a route is; nothing before it was looked at."""
        rollouts = self._get("/api/v1/rollouts").json()["rollouts"]
        return next((dict(one) for one in rollouts if one["route"] == route), {})

    def _get(self, path: str) -> Answer:
        answer = self._client.get(path)
        if answer.status != 200:
            raise HTTPException(f"{path} answers {answer.status} {answer.reason}")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _place(route: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (route["stage"], route.get("weight"))))


def moves(before: Seen, after: Seen) -> Iterator[Move]:
    """In the order of the table that serves now; routes that are gone come last."""
    for route in dict.fromkeys((*after.places, *before.places)):
        left, reached = before.places.get(route, ABSENT), after.places.get(route, ABSENT)
        if left != reached:
            yield Move(after.revision, route, left, reached)
