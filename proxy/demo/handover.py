"""Moving who may write, step by step: the present owner stops, the next one hears of everything, then it begins.

The databases of both sides decide who writes; this only asks them, in an order in which never two do. Until the next
owner has begun, writes are refused (409), and nothing is lost: whoever is interrupted here asks again with the same
epoch, or goes back with a higher one.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy import clock
from proxy.demo.errors import StepFailed
from proxy.demo.web import Client

HEARD_SECONDS = 60.0
_LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Member:
    """A process that writes `entities` when its side owns them. Its methods raise `StepFailed` when it refuses."""

    name: str
    port: int
    token: str
    entities: tuple[str, ...]

    def status(self) -> Mapping[str, Mapping[str, Any]]:
        return self._ask("GET", "/internal/sync")

    def fence(self, epoch: int) -> dict[str, int]:
        """Write no more; returns when nothing is being written. The position of the last event of each entity."""
        fenced = self._ask("POST", "/internal/sync/fence", epoch)
        return {entity: int(fenced[entity]["outbox_last"]) for entity in self.entities}

    def own(self, epoch: int) -> None:
        self._ask("POST", "/internal/sync/own", epoch)

    def heard(self, positions: Mapping[str, int]) -> bool:
        """Whether all of the other side's events up to these have had their effect here."""
        status = self.status()
        return all(status[entity]["applied_from_peer"] >= positions[entity] for entity in self.entities)

    def _ask(self, method: str, path: str, epoch: int | None = None) -> Mapping[str, Mapping[str, Any]]:
        with Client(self.port, {"Authorization": f"Bearer {self.token}"}) as client:
            if epoch is None:
                answer = client.ask(method, path)
            else:
                answer = client.post(path, {"entities": list(self.entities), "epoch": epoch})
        if answer.status != 200:
            raise StepFailed(f"{method} {path} at {self.name} succeeds", 200, f"{answer.status} {answer.body.decode()}")
        entities: Mapping[str, Mapping[str, Any]] = answer.json()["entities"]
        return entities


def hand_over(
    givers: Sequence[Member], takers: Sequence[Member], *, epoch: int, check: Callable[[], None]
) -> dict[str, int]:
    """Let `takers` write what `givers` write now. Entity → the last event that they had to hear of.

    `check` is called while that is waited for, and may raise.
    """
    positions: dict[str, int] = {}
    for giver in givers:
        positions |= giver.fence(epoch)
    until = clock.monotonic() + HEARD_SECONDS
    while behind := [taker for taker in takers if not taker.heard(positions)]:
        check()
        if clock.monotonic() > until:
            raise StepFailed(f"{behind[0].name} hears of all events", positions, behind[0].status())
        time.sleep(_LOOK_EVERY_SECONDS)
    for taker in takers:
        taker.own(epoch)
    return positions


def next_epoch(members: Sequence[Member]) -> int:
    """Higher than any that was used for these."""
    return 1 + max(int(member.status()[entity]["epoch"]) for member in members for entity in member.entities)
