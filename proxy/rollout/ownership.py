"""What both sides say of who may write an entity, and what follows from it: the owner, the lag, whether all is heard.

Pure: it reads what `GET /internal/sync` answered, and asks nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from proxy.config.model import Stage
from proxy.wire.exchange import LEGACY, SERVICE


class Owner(StrEnum):
    """Who may write. An entity is nobody's between a fence and the other side's beginning, and must never be both's."""

    LEGACY = "legacy"
    SERVICE = "service"
    NOBODY = "nobody"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Standing:
    """One side's word on an entity. `applied_from_peer` is the last of the other side's events with all before it."""

    owner: str  # legacy | service
    epoch: int
    outbox_last: int
    unpublished: int
    oldest_unpublished_seconds: float
    applied_from_peer: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class Entity:
    """What both sides say of one entity. `upstream` is the service that writes it when the services own it."""

    name: str
    upstream: str
    legacy: Standing
    service: Standing

    @property
    def owner(self) -> Owner:
        claims = (self.legacy.owner == LEGACY, self.service.owner == SERVICE)
        return {(True, False): Owner.LEGACY, (False, True): Owner.SERVICE, (True, True): Owner.BOTH}.get(
            claims, Owner.NOBODY
        )

    @property
    def epoch(self) -> int:
        return max(self.legacy.epoch, self.service.epoch)

    def giver(self, to: Stage) -> Standing:
        """The side that writes no more when writing goes `to`."""
        return self.legacy if to is Stage.CUTOVER else self.service

    def taker(self, to: Stage) -> Standing:
        return self.service if to is Stage.CUTOVER else self.legacy

    def as_json(self) -> dict[str, Any]:
        return {
            "owner": self.owner.value,
            "epoch": self.epoch,
            "service": self.upstream,
            "lag": {
                "legacy_to_service": max(self.legacy.outbox_last - self.service.applied_from_peer, 0),
                "service_to_legacy": max(self.service.outbox_last - self.legacy.applied_from_peer, 0),
            },
            "conflicts": self.legacy.conflicts + self.service.conflicts,
            "written_by_service": self.service.outbox_last,
        }


def read_standings(document: object) -> dict[str, Standing]:
    """By entity, what an upstream answered. Raises ValueError for anything else than that."""
    if not isinstance(document, dict) or not isinstance(document.get("entities"), dict):
        raise ValueError("no object with entities")  # noqa: TRY004 - what was read is wrong, not our program
    return {str(name): _read_standing(str(name), said) for name, said in document["entities"].items()}


def _read_standing(entity: str, said: object) -> Standing:
    if not isinstance(said, dict) or said.get("owner") not in (LEGACY, SERVICE):
        raise ValueError(f"of {entity} it says no owner")
    numbers: dict[str, Any] = {}
    for each in fields(Standing)[1:]:
        value = said.get(each.name)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"of {entity} it says no {each.name}")
        numbers[each.name] = value if each.name.endswith("_seconds") else int(value)
    return Standing(said["owner"], **numbers)


def pair_up(
    entities: Sequence[str], legacy: str, said: Mapping[str, Mapping[str, Standing]]
) -> tuple[dict[str, Entity], list[str]]:
    """`said` is what each upstream said, by its name. The entities both sides know, and what keeps others out."""
    found, problems = {}, []
    for name in sorted(entities):
        services = [upstream for upstream, its in said.items() if upstream != legacy and name in its]
        if name not in said.get(legacy, {}):
            problems.append(f'upstream "{legacy}" says nothing of "{name}"')
        elif not services:
            problems.append(f'no service says that it can write "{name}"')
        elif len(services) > 1:
            problems.append(f'"{name}" would be written by several services: {", ".join(sorted(services))}')
        else:
            found[name] = Entity(name, services[0], said[legacy][name], said[services[0]][name])
    return found, problems


def owner_at(to: Stage) -> Owner:
    """Who owns when writing is at `to`: cutover or legacy."""
    return Owner.SERVICE if to is Stage.CUTOVER else Owner.LEGACY


def unheard(entity: Entity, to: Stage, position: int) -> int:
    """How many of the giver's events up to `position` have not had their effect on the taker."""
    return max(position - entity.taker(to).applied_from_peer, 0)


def is_drained(entity: Entity, to: Stage, position: int) -> bool:
    """Whether nothing of what the giver wrote up to `position` is under way."""
    return entity.giver(to).unpublished == 0 and unheard(entity, to, position) == 0


def next_epoch(entities: Sequence[Entity], *epochs: int) -> int:
    """Above all that was ever used: what both sides say, and what is remembered of handovers."""
    return 1 + max((*(entity.epoch for entity in entities), *epochs))
