"""Reservations: goods set aside for an order, and what each step does to the stock levels they came from.

    (new) ──► held ──commit──► committed
                │                  │
             release            release
                └───► released ◄───┘

Pure plans: they say what the reservation and its levels become. Who carries one out must hold the locks of all it
was planned on, or it would be planned on what has changed since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from extracted_services.inventory.domain.model import StockLevel


class Status(StrEnum):
    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"


class Verb(StrEnum):
    COMMIT = "commit"
    RELEASE = "release"


class Step(NamedTuple):
    """The status a reservation gets, and what each of its pieces adds to the two counts of its level."""

    becomes: Status
    on_hand: int
    reserved: int


# A pair that is missing is refused; a step that keeps the status moves nothing, so every verb may be repeated.
STEPS: Mapping[tuple[Verb, Status], Step] = {
    (Verb.COMMIT, Status.HELD): Step(Status.COMMITTED, on_hand=-1, reserved=-1),
    (Verb.COMMIT, Status.COMMITTED): Step(Status.COMMITTED, on_hand=0, reserved=0),
    (Verb.RELEASE, Status.HELD): Step(Status.RELEASED, on_hand=0, reserved=-1),
    (Verb.RELEASE, Status.COMMITTED): Step(Status.RELEASED, on_hand=1, reserved=0),
    (Verb.RELEASE, Status.RELEASED): Step(Status.RELEASED, on_hand=0, reserved=0),
}


class Line(NamedTuple):
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """`lines` in the order of their SKUs, each once. `expires_at` None: held until somebody commits or releases it."""

    id: str
    order_id: str
    customer: str
    status: Status
    lines: tuple[Line, ...]
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int = field(default=0, compare=False)

    @property
    def skus(self) -> tuple[str, ...]:
        return tuple(line.sku for line in self.lines)

    def is_overdue(self, now: datetime) -> bool:
        return self.status is Status.HELD and self.expires_at is not None and self.expires_at <= now


class Shortage(NamedTuple):
    """`available` pieces by SKU, for every product of which more was asked for."""

    available: Mapping[str, int]


class ReservationReleased(Exception):
    """The goods went back: they cannot be taken out of stock any more."""


class Change(NamedTuple):
    """What a step makes of a reservation and of its levels; `levels` is empty when nothing moves."""

    reservation: Reservation
    levels: tuple[StockLevel, ...]


def sort_lines(lines: Sequence[Line]) -> tuple[Line, ...]:
    """In the order of the SKUs: levels are always locked in this order, so two transactions wait and never deadlock."""
    return tuple(sorted(lines))


def set_aside(
    lines: Sequence[Line], levels: Mapping[str, StockLevel], now: datetime
) -> tuple[StockLevel, ...] | Shortage:
    """The levels after all of the goods were promised, or what is short. A product without a level has none."""
    available = {line.sku: levels[line.sku].available if line.sku in levels else 0 for line in lines}
    short = {line.sku: available[line.sku] for line in lines if line.quantity > available[line.sku]}
    if short:
        return Shortage(short)
    return tuple(_move(levels[line.sku], 0, line.quantity, now) for line in lines)


def take_step(verb: Verb, reservation: Reservation, levels: Mapping[str, StockLevel], now: datetime) -> Change:
    """Raises ReservationReleased. `levels` are those of the reservation's lines."""
    step = STEPS.get((verb, reservation.status))
    if step is None:
        raise ReservationReleased
    if step.becomes is reservation.status:
        return Change(reservation, ())
    moved = tuple(
        _move(levels[line.sku], step.on_hand * line.quantity, step.reserved * line.quantity, now)
        for line in reservation.lines
    )
    final = replace(reservation, status=step.becomes, expires_at=None, updated_at=now, version=reservation.version + 1)
    return Change(final, moved)


def _move(level: StockLevel, on_hand: int, reserved: int, now: datetime) -> StockLevel:
    return replace(
        level,
        on_hand=level.on_hand + on_hand,
        reserved=level.reserved + reserved,
        updated_at=now,
        version=level.version + 1,
    )
