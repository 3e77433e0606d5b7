from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracted_services.inventory.domain.model import StockLevel
from extracted_services.inventory.domain.reservations import (
    STEPS,
    Line,
    Reservation,
    ReservationReleased,
    Shortage,
    Status,
    Verb,
    set_aside,
    sort_lines,
    take_step,
)
from extracted_services.inventory.tests.shop import MORNING, level

NOON = MORNING + timedelta(hours=2, minutes=30)
ORDER, CUSTOMER = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11", "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b12"


def reservation(status: Status, *lines: Line) -> Reservation:
    return Reservation(
        id="019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b13",
        order_id=ORDER,
        customer=CUSTOMER,
        status=status,
        lines=lines,
        expires_at=NOON,
        created_at=MORNING,
        updated_at=MORNING,
        version=4,
    )


def by_sku(*levels: StockLevel) -> dict[str, StockLevel]:
    return {level.sku: level for level in levels}


def test_goods_that_are_there_are_promised() -> None:
    after = set_aside([Line("A", 2), Line("B", 39)], by_sku(level("A"), level("B", 42, 3)), NOON)

    assert not isinstance(after, Shortage)
    assert after == (StockLevel("A", 42, 5, NOON), StockLevel("B", 42, 42, NOON))
    assert [level.version for level in after] == [1, 1]


def test_everything_that_is_short_is_named_and_a_product_without_a_level_has_nothing() -> None:
    levels = by_sku(level("A", 5, 3), level("B", 5, 0))

    assert set_aside([Line("A", 3), Line("B", 5), Line("C", 1)], levels, NOON) == Shortage({"A": 2, "C": 0})


@pytest.mark.parametrize(
    ("verb", "status", "becomes", "on_hand", "reserved"),
    [
        (Verb.COMMIT, Status.HELD, Status.COMMITTED, 7, 0),
        (Verb.COMMIT, Status.COMMITTED, Status.COMMITTED, 10, 3),
        (Verb.RELEASE, Status.HELD, Status.RELEASED, 10, 0),
        (Verb.RELEASE, Status.COMMITTED, Status.RELEASED, 13, 3),
        (Verb.RELEASE, Status.RELEASED, Status.RELEASED, 10, 3),
    ],
)
def test_a_step_moves_the_goods_once(verb: Verb, status: Status, becomes: Status, on_hand: int, reserved: int) -> None:
    before = level("A", 10, 3)

    change = take_step(verb, reservation(status, Line("A", 3)), by_sku(before), NOON)

    (after,) = change.levels or (before,)
    assert change.reservation.status is becomes
    assert (after.on_hand, after.reserved) == (on_hand, reserved)


def test_a_released_reservation_cannot_be_committed() -> None:
    with pytest.raises(ReservationReleased):
        take_step(Verb.COMMIT, reservation(Status.RELEASED, Line("A", 3)), by_sku(level("A")), NOON)


def test_a_repeated_step_changes_neither_time_nor_version() -> None:
    released = reservation(Status.RELEASED, Line("A", 3))

    assert take_step(Verb.RELEASE, released, {}, NOON) == (released, ())
    assert take_step(Verb.RELEASE, released, {}, NOON).reservation.version == released.version


def test_only_what_is_held_can_be_overdue() -> None:
    assert reservation(Status.HELD).is_overdue(NOON)
    assert not reservation(Status.HELD).is_overdue(NOON - timedelta(milliseconds=1))
    assert not replace(reservation(Status.HELD), expires_at=None).is_overdue(NOON)
    assert not reservation(Status.COMMITTED).is_overdue(NOON)
    assert take_step(Verb.COMMIT, reservation(Status.HELD), {}, NOON).reservation.expires_at is None


def test_every_pair_is_a_step_but_the_one_that_is_refused() -> None:
    pairs = {(verb, status) for verb in Verb for status in Status}

    assert pairs - set(STEPS) == {(Verb.COMMIT, Status.RELEASED)}


def test_lines_are_sorted_by_code_point() -> None:
    assert [line.sku for line in sort_lines([Line("MUG-1", 1), Line("MUG", 1), Line("A0", 1), Line("A-1", 1)])] == [
        "A-1",
        "A0",
        "MUG",
        "MUG-1",
    ]


@given(
    on_hand=st.integers(0, 20),
    asked=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    verbs=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(Verb)), max_size=20),
)
def test_no_piece_is_lost_or_promised_twice(on_hand: int, asked: list[int], verbs: list[tuple[int, Verb]]) -> None:
    stock = by_sku(StockLevel("A", on_hand, 0, MORNING))
    made: list[Reservation] = []
    for quantity in asked:
        promised = set_aside([Line("A", quantity)], stock, NOON)
        if isinstance(promised, Shortage):
            continue
        stock |= by_sku(*promised)
        made.append(replace(reservation(Status.HELD, Line("A", quantity)), version=1))
    for which, verb in verbs:
        if which < len(made) and (verb, made[which].status) in STEPS:
            made[which], levels = take_step(verb, made[which], stock, NOON)
            stock |= by_sku(*levels)

    held, sold = (
        sum(item.lines[0].quantity for item in made if item.status is status)
        for status in (Status.HELD, Status.COMMITTED)
    )
    assert stock["A"].reserved == held <= stock["A"].on_hand
    assert stock["A"].on_hand == on_hand - sold
