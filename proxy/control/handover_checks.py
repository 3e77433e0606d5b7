"""Asks both sides, before anything is touched, whether a handover may begin: where they stand, and if they keep up.

It holds nothing and moves nothing.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from proxy.config.model import Stage
from proxy.control.handover_ports import Means
from proxy.control.sync_peers import PeerFailure
from proxy.rollout.handover_plan import SIDES, Circle
from proxy.rollout.ownership import Entity, Standing, pair_up, unheard
from proxy.rollout.ports import MoveRefused

ASK_SECONDS = 2.0
LOOK_EVERY_SECONDS = 0.05
QUICKLY_SECONDS = 0.3  # in which a side hears what the other has just written, when it is not behind


@dataclass(frozen=True, slots=True)
class Plan:
    """A handover that could begin now. `lag` has the events that the side that takes has yet to hear, by entity."""

    to: Stage
    circle: Circle
    entities: Mapping[str, Entity]
    epoch: int
    lag: Mapping[str, int]
    since_cutover: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Checks:
    """Every method raises MoveRefused, with what to do."""

    means: Means

    async def look(self, wanted: Sequence[str]) -> dict[str, Entity]:
        """What both sides say of these entities."""
        names, legacy = self.means.sides.with_sync(), self.means.snapshot().legacy
        hint = "write sync: { path, token } at the upstream in routes.yaml, and let it run"
        if legacy not in names:
            raise MoveRefused(f'the monolith, upstream "{legacy}", has no sync', hint)
        said = await asyncio.gather(*map(self._ask, names))
        answered = {name: each for name, each in zip(names, said, strict=True) if not isinstance(each, PeerFailure)}
        entities, problems = pair_up(wanted, legacy, answered)
        if problems:
            failures = [str(each) for each in said if isinstance(each, PeerFailure)]
            raise MoveRefused("; ".join([*failures, *problems]), "try again when it answers" if failures else hint)
        return entities

    async def _ask(self, upstream: str) -> Mapping[str, Standing] | PeerFailure:
        try:
            return await self.means.sides.status(upstream, seconds=ASK_SECONDS)
        except PeerFailure as failure:
            return failure

    async def rehearse(self, plan: Plan) -> dict[str, Entity]:
        """Let each side hear what the other has written by now, in the time that a drain may take; where they are.

        Returns in a moment when that took next to no time, if one comes: the pause will be about as long.
        """
        seconds, entities = plan.circle.settings.drain_timeout.total_seconds(), dict(plan.entities)
        until, has_caught_up = self.means.now() + seconds, False
        while True:
            began = self.means.now()
            last = {(name, to): one.giver(to).outbox_last for name, one in entities.items() for to in SIDES}
            while (behind := _behind(entities, last)) and self.means.now() < until:
                await self.means.sleep(LOOK_EVERY_SECONDS)
                entities = await self.look(plan.circle.entities)
            if behind and not has_caught_up:
                hint = "let them catch up (relay, bus), or raise handover.drain_timeout"
                raise MoveRefused(f"the sides are not in step after {seconds:g} s: {'; '.join(behind)}", hint)
            if behind or self.means.now() >= min(until, began + QUICKLY_SECONDS):
                has_caught_up = True
            else:
                return entities
            if self.means.now() >= until:
                return entities


def _behind(entities: Mapping[str, Entity], last: Mapping[tuple[str, Stage], int]) -> list[str]:
    return [
        f"{SIDES[to]} have yet to hear {count} events of {name} ({entities[name].giver(to).unpublished} not published, "
        f"the oldest for {entities[name].giver(to).oldest_unpublished_seconds:.1f} s)"
        for (name, to), position in last.items()
        if (count := unheard(entities[name], to, position))
    ]


def refuse(problems: Iterable[str]) -> None:
    """All of them at once; none is what is wanted. Raises MoveRefused."""
    if found := list(problems):
        raise MoveRefused("; ".join(found))
