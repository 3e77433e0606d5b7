"""The judges of the scenarios, judged: right books pass, and each way in which they can be wrong is named."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.system import Move
from tests.system.books import (
    Account,
    Acknowledged,
    Books,
    check_charges,
    find_differences,
    find_problems,
)
from tests.system.history import Written, check_ownership

TOTAL = {"amount": "20.00", "currency": "EUR"}
LINES = [{"sku": "MUG", "quantity": 2}]
BEFORE = Books({}, {}, {}, {"MUG": {"on_hand": 10, "reserved": 0}})
TOLD = (Acknowledged("k1", "sold", "confirmed"), Acknowledged("k2", "off", "pending"), Acknowledged("k3", None))

Plain = dict[str, Any]
Spoil = Callable[[Plain], object]


def books() -> Plain:
    """One order that was sold, and one whose card was charged and whose goods were promised before it was cancelled."""
    return {
        "orders": {
            "sold": {"status": "confirmed", "lines": LINES, "total": TOTAL},
            "off": {"status": "cancelled", "lines": LINES, "total": TOTAL},
        },
        "payments": {
            "p1": {"order_id": "sold", "status": "captured", "amount": TOTAL},
            "p2": {"order_id": "off", "status": "refunded", "amount": TOTAL},
        },
        "reservations": {
            "r1": {"order_id": "sold", "status": "committed", "lines": LINES},
            "r2": {"order_id": "off", "status": "released", "lines": LINES},
        },
        "levels": {"MUG": {"on_hand": 8, "reserved": 0}},
        "accounts": [Account("sold", 2000, True), Account("off", 0, True)],
    }


def test_books_that_are_right_have_no_problem() -> None:
    after = Books(**books())

    assert find_problems(BEFORE, after, TOLD) == []
    assert list(check_charges(after)) == []
    assert find_differences(after, Books(**books())) == []


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda b: b["orders"].pop("sold"), "order sold was acknowledged and is not there"),
        (lambda b: b["orders"]["off"].update(status="pending"), "order off is still pending"),
        (lambda b: b["orders"]["sold"].update(status="cancelled"), "was told to be confirmed and is cancelled"),
        (lambda b: b["orders"].update(twin=b["orders"]["off"]), "order twin was acknowledged 0 times"),
        (lambda b: b["levels"]["MUG"].update(on_hand=9), "MUG: 9 on hand; there were 10, 2 are sold"),
        (lambda b: b["levels"]["MUG"].update(reserved=2), "MUG: 2 are reserved, 0 of them by reservations"),
        (lambda b: b["levels"]["MUG"].update(reserved=-1), "MUG: 8 on hand, -1 reserved"),
        (lambda b: b["reservations"]["r1"].update(status="held"), "confirmed order sold has the reservations"),
        (lambda b: b["reservations"]["r1"].update(lines=[]), "confirmed order sold has the reservations"),
        (lambda b: b["reservations"]["r2"].update(status="committed"), "cancelled order off has the reservations"),
        (lambda b: b["reservations"]["r2"].update(order_id="none", status="held"), "goods are kept for none"),
        (lambda b: b["payments"].pop("p1"), "confirmed order sold of"),
        (lambda b: b["payments"].update(p3=b["payments"]["p1"]), "confirmed order sold of"),
        (lambda b: b["payments"]["p2"].update(status="captured"), "cancelled order off of"),
        (lambda b: b["payments"]["p2"].update(order_id="none", status="captured"), "money is kept for none"),
        (lambda b: b["accounts"].append(Account("sold", 2000, True)), "keeps 4000 cents for sold, due are 2000"),
        (lambda b: b["accounts"].append(Account("off", 2000, False)), "keeps 2000 cents for off, due are 0"),
        (lambda b: b["accounts"].append(Account("none", 1, True)), "keeps 1 cents for none, due are 0"),
    ],
)
def test_whatever_is_wrong_is_named(spoil: Spoil, problem: str) -> None:
    wrong = books()
    spoil(wrong)

    assert problem in "\n".join(find_problems(BEFORE, Books(**wrong), TOLD))


def test_an_order_that_two_customers_were_given_is_named() -> None:
    told = (*TOLD, Acknowledged("k4", "sold", "confirmed"))

    assert find_problems(BEFORE, Books(**books()), told) == ["order sold was acknowledged 2 times"]


def test_an_order_that_the_processor_never_charged_is_named() -> None:
    free = Books(**{**books(), "accounts": []})

    assert find_problems(BEFORE, free, TOLD) == []  # the monolith may have charged it
    assert list(check_charges(free)) == [f"order sold of {TOTAL} was sold for 0 cents"]


def test_an_order_that_was_charged_again_after_its_money_had_gone_back_is_named() -> None:
    twice = Books(**{**books(), "accounts": [*books()["accounts"], Account("sold", 0, True)]})

    assert find_problems(BEFORE, twice, TOLD) == []  # payments may have moved in between
    assert list(check_charges(twice)) == ["the card processor charged sold 2 times"]


def test_what_differs_between_two_sides_is_named() -> None:
    other = books()
    other["levels"]["MUG"]["on_hand"] = 7
    del other["payments"]["p2"]

    found = find_differences(Books(**books()), Books(**other))

    assert [line.split(":")[0] for line in found] == ["payments p2", "levels MUG"]


MOVES = [
    Move(2, "service", fenced={"order": 2}, idle={"order": 0}),
    Move(3, "legacy", fenced={"order": 1}, idle={"order": 2}),
]
LAST = {"legacy": {"order": 3}, "service": {"order": 1}}
EVENTS = [
    Written("legacy", "order", 1, "a", 1),
    Written("legacy", "order", 2, "a", 2),
    Written("service", "order", 1, "a", 3),
    Written("legacy", "order", 3, "a", 4),
]


def test_owners_that_take_turns_are_right() -> None:
    assert list(check_ownership(MOVES, LAST, EVENTS)) == []


def test_a_write_between_two_ownerships_is_named() -> None:
    moves = [MOVES[0], Move(3, "legacy", fenced={"order": 1}, idle={"order": 3})]

    assert list(check_ownership(moves, LAST, EVENTS)) == [
        "legacy wrote before it owned at epoch 3: from {'order': 2} to {'order': 3}"
    ]


def test_a_write_after_the_last_fence_is_named() -> None:
    last = {**LAST, "service": {"order": 2}}

    assert "service wrote after its last fence: from {'order': 1} to {'order': 2}" in list(
        check_ownership(MOVES, last, EVENTS)
    )


def test_a_position_that_is_missing_is_named() -> None:
    assert "the positions of legacy's order are not 1 to 2" in list(
        check_ownership(MOVES, LAST, [event for event in EVENTS if event.version != 2])
    )


def test_a_change_that_was_made_twice_is_named() -> None:
    twice = [*EVENTS[:3], Written("legacy", "order", 3, "a", 3)]

    assert list(check_ownership(MOVES, LAST, twice)) == [
        "order a was written as [(1, 'legacy', 1), (1, 'legacy', 2), (2, 'service', 3), (3, 'legacy', 3)]"
    ]
