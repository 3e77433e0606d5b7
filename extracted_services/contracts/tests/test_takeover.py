from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracted_services.contracts.envelope import Event
from extracted_services.contracts.takeover import Decision, Local, close_gap, decide, replaces_answer
from extracted_services.contracts.tests.examples import make_event

SAME: dict[str, Any] = {name: value for name, value in make_event().data.items() if name != "answer"}
OTHER: dict[str, Any] = SAME | {"history": []}


def event(version: int, *, snapshot: bool = False) -> Event:
    return make_event(aggregate_version=version, position=None if snapshot else 7)


@pytest.mark.parametrize(
    ("told", "local", "decision"),
    [
        (make_event("InventoryRejected"), None, Decision.TOLD),
        (event(1), None, Decision.TAKE),
        (event(9), None, Decision.TAKE),
        (event(4), Local(3, 0, OTHER), Decision.TAKE),
        (event(4), Local(3, 3, OTHER), Decision.TAKE),
        (event(3), Local(3, 3, OTHER), Decision.OLD),
        (event(2), Local(5, 3, OTHER), Decision.OLD),
        (event(3), Local(3, 0, SAME), Decision.AGREE),
        (event(3), Local(5, 2, SAME), Decision.AGREE),
        (event(3), Local(3, 2, OTHER), Decision.CONFLICT),
        (event(3), Local(5, 2, OTHER), Decision.CONFLICT),
        (event(3, snapshot=True), Local(5, 2, OTHER), Decision.OLD),
        (event(3, snapshot=True), Local(3, 2, OTHER), Decision.CONFLICT),
        (event(3, snapshot=True), Local(3, 2, SAME), Decision.AGREE),
        (event(4, snapshot=True), Local(3, 2, OTHER), Decision.TAKE),
        (event(3), Local(3, 2, None), Decision.CONFLICT),
        (event(4), Local(3, 3, None), Decision.TAKE),
        (make_event("ProductRemoved"), Local(2, 2, {"product": {}}), Decision.TAKE),
        (make_event("ProductRemoved"), Local(3, 0, None), Decision.AGREE),
        (make_event("ProductRemoved"), Local(3, 2, {"product": {}}), Decision.CONFLICT),
    ],
)
def test_the_table_of_decisions(told: Event, local: Local | None, decision: Decision) -> None:
    assert decide(told, local) is decision


def test_an_answer_replaces_the_local_one_only_together_with_the_state() -> None:
    assert [decision for decision in Decision if replaces_answer(decision)] == [Decision.TAKE, Decision.AGREE]


@pytest.mark.parametrize(
    ("last", "waiting", "reached"),
    [(0, [], 0), (0, [1], 1), (0, [2], 0), (3, [4, 5, 7], 5), (3, [1, 2, 4], 4), (5, [1, 2], 5)],
)
def test_a_gap_closes_up_to_the_next_one(last: int, waiting: list[int], reached: int) -> None:
    assert close_gap(last, waiting) == reached


@given(st.permutations(range(1, 9)))
def test_in_whatever_order_positions_come_the_last_one_without_a_gap_is_found(order: list[int]) -> None:
    last = 0
    for index in range(1, 9):
        last = close_gap(last, sorted(order[:index]))

        assert last == next(position for position in range(9) if position + 1 not in order[:index])
