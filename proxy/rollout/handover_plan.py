"""What a handover would move, and what speaks against it: all routes that write the same move together.

Pure: it takes the routes, and what both sides say, and returns a plan or everything that is wrong.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from proxy.config.model import Route, Stage
from proxy.config.moving import Handover
from proxy.rollout.handover import Record
from proxy.rollout.ownership import Entity, Owner, owner_at
from proxy.rollout.ports import Move, Position, Verb, position

AT_LEGACY = frozenset({Stage.LEGACY, Stage.SHADOW})
SIDES = {Stage.CUTOVER: "the services", Stage.LEGACY: "the monolith"}


@dataclass(frozen=True, slots=True)
class Circle:
    """Routes that share entities, directly or through others, and all that they write. Retired ones are left out."""

    routes: tuple[Route, ...]
    entities: tuple[str, ...]

    @property
    def settings(self) -> Handover:
        """The strictest of the routes'."""
        written = [route.moving.handover for route in self.routes]
        return Handover(
            hold_timeout=min((each.hold_timeout for each in written), default=timedelta(0)),
            queue=min((each.queue for each in written), default=0),
            drain_timeout=min((each.drain_timeout for each in written), default=timedelta(0)),
        )

    def to_follow(self, to: Stage) -> tuple[Route, ...]:
        """Routes that are not where they lead when writing has gone `to`."""
        if to is Stage.CUTOVER:
            return tuple(route for route in self.routes if route.stage is not Stage.CUTOVER)
        return tuple(route for route in self.routes if route.stage not in AT_LEGACY)


def draw_circle(routes: Sequence[Route], chosen: Sequence[Route]) -> Circle:
    """Those of `routes` that have to move when the `chosen` ones do."""
    entities = {entity for route in chosen for entity in _written_by(route)}
    while True:
        together = [route for route in routes if entities.intersection(_written_by(route))]
        more = {entity for route in together for entity in _written_by(route)}
        if more == entities:
            return Circle(tuple(together), tuple(sorted(entities)))
        entities = more


def _written_by(route: Route) -> tuple[str, ...]:
    writes = route.moving.writes
    return writes.entities if writes is not None and route.stage is not Stage.RETIRED else ()


def object_to_routes(circle: Circle, chosen: Sequence[Route], to: Stage) -> Iterator[str]:
    """What speaks against it before anybody was asked."""
    if not circle.routes:
        names = ", ".join(f'"{route.name}"' for route in chosen)
        yield f"of {names} none writes anything: say writes.entities, or promote what only reads"
    for route in circle.routes:
        if to is Stage.CUTOVER and route.to is None:
            yield f'route "{route.name}" writes the same and has no service to go to: name one in its "to"'


def object_to_sides(
    circle: Circle, entities: Mapping[str, Entity], to: Stage, *, force: bool, despite_conflicts: bool
) -> Iterator[str]:
    """What speaks against it once both sides have said where they stand."""
    if all(entity.owner is owner_at(to) for entity in entities.values()) and not circle.to_follow(to):
        yield f"{', '.join(entities)}: written by {SIDES[to]} already, and the routes lead there"
    for name, entity in entities.items():
        if entity.owner is Owner.BOTH:
            yield (
                f'both sides say that they write "{name}" (epochs {entity.legacy.epoch} and {entity.service.epoch}): '
                f"fence one of them by hand, then compare what they hold"
            )
        if (conflicts := entity.taker(to).conflicts) and not despite_conflicts:
            yield (
                f'"{name}" has {conflicts} conflicts at the side that is to write it: look at them '
                f"(manage.py reconcile), then hand over with --despite-conflicts"
            )
    for route in circle.routes:
        writes = route.moving.writes
        if to is Stage.LEGACY and writes is not None and writes.point_of_no_return and not force:
            yield (
                f'route "{route.name}" is past its point of no return: nothing goes back by itself, '
                f"and nothing is lost if a person goes back with --force"
            )


def moves_to_follow(record: Record, routes: Sequence[Route]) -> list[Move]:
    """Of the handover's routes, those that do not lead yet where writing has gone."""
    found = []
    for route in Circle(tuple(routes), record.entities).to_follow(record.to):
        if route.name in record.routes:
            evidence = {
                **record.evidence.get(route.name, {}),
                "epoch": record.epoch,
                "entities": list(record.entities),
                "heard": dict(record.fenced),
            }
            after = Position(record.to)
            found.append(Move(route.name, Verb.HANDOVER, position(route), after, record.who, record.because, evidence))
    return found
