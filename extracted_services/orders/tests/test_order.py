"""What may become of an order, as a value."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from extracted_services.chassis.answers import Asked
from extracted_services.orders.adapters.states import read_state, show_answer, show_state
from extracted_services.orders.domain.order import (
    NEXT,
    Address,
    Line,
    NotPossible,
    Order,
    Reason,
    Status,
    Told,
    accept,
    cancel,
    confirm,
    draft,
    tell,
    tell_pending,
)
from extracted_services.orders.service_layer.answers import answer_of, pending_answer

MORNING = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
LATER = MORNING + timedelta(seconds=1)
ASKED = Asked("019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b22", "/api/orders", "k", "0" * 64)


def new() -> Order:
    return draft(
        id="019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11",
        customer=ASKED.customer,
        lines=(Line("MUG-0001", "Mug", 2, 1490), Line("BOWL-0001", "Bowl", 1, 3000)),
        address=Address("Alice Larsen", "Mill Lane 1", "1050", "Copenhagen", "DK"),
        card_reference=f"tok_{'0' * 32}_16_4242",
        asked=ASKED,
        now=MORNING,
    )


def test_a_draft_becomes_an_order_and_is_confirmed_in_versions() -> None:
    order = accept(new())
    assert (order.version, order.status) == (1, Status.PENDING)
    order = confirm(order, LATER)
    assert (order.version, order.status, order.updated_at) == (2, Status.CONFIRMED, LATER)
    assert [change.status for change in order.history] == [Status.PENDING, Status.CONFIRMED]
    assert order.total_cents == 5980


def test_a_draft_that_is_cancelled_never_was_an_order() -> None:
    dropped = cancel(new(), Reason.INSUFFICIENT_STOCK, LATER)
    assert (dropped.version, dropped.is_draft, dropped.is_settled) == (0, True, True)
    with pytest.raises(NotPossible):
        accept(dropped)


def test_an_order_is_accepted_once() -> None:
    with pytest.raises(NotPossible):
        accept(accept(new()))


@pytest.mark.parametrize(("status", "move"), list(product(Status, (Status.CONFIRMED, Status.CANCELLED))))
def test_an_order_goes_only_where_the_table_says(status: Status, move: Status) -> None:
    order = replace(accept(new()), status=status)

    def act() -> Order:
        return confirm(order, LATER) if move is Status.CONFIRMED else cancel(order, Reason.REQUESTED, LATER)

    if move in NEXT[status]:
        assert act().status is move
    else:
        with pytest.raises(NotPossible) as refusal:
            act()
        assert refusal.value.status is status


def test_the_first_answer_stays_the_first() -> None:
    order = tell_pending(accept(new()), pending_answer(new()))
    assert order.version == 2, "the other side has to hear of the answer"
    assert tell(order, Told(402, None, "{}")).told == pending_answer(order)
    with pytest.raises(NotPossible):
        tell_pending(order, pending_answer(order))


def test_only_what_the_other_side_wrote_last_is_from_it() -> None:
    order = accept(new())
    assert not order.is_from_peer
    taken_over = replace(order, version=5, peer_version=5)
    assert taken_over.is_from_peer
    assert not confirm(taken_over, LATER).is_from_peer
    assert not new().is_from_peer


@pytest.mark.parametrize(
    ("order", "status"),
    [
        (accept(new()), 201),
        (confirm(accept(new()), LATER), 201),
        (cancel(accept(new()), Reason.REQUESTED, LATER), 201),
        (cancel(accept(new()), Reason.INSUFFICIENT_STOCK, LATER), 201),
        (cancel(accept(new()), Reason.PAYMENT_DECLINED, LATER), 402),
        (cancel(new(), Reason.INSUFFICIENT_STOCK, LATER), 409),
        (replace(accept(new()), status=Status.SHIPPED), 201),
    ],
)
def test_the_answer_follows_from_the_state(order: Order, status: int) -> None:
    told = answer_of(order)
    assert told.status == status
    assert told.location == (f"/api/orders/{order.id}" if status == 201 else None)


def test_a_shipped_order_was_confirmed_when_it_was_placed() -> None:
    assert '"status":"confirmed"' in answer_of(replace(accept(new()), status=Status.SHIPPED)).body


def test_a_state_that_travelled_is_equal_but_for_the_order_of_its_lines() -> None:
    order = confirm(accept(new()), LATER)
    there = read_state(show_state(order), 2, 2)
    assert show_state(there) == show_state(order)
    assert [line.sku for line in there.lines] == ["BOWL-0001", "MUG-0001"]
    assert (there.version, there.peer_version, there.asked, there.told) == (2, 2, None, None)


def test_the_answer_that_travels_is_pending_until_there_is_one() -> None:
    order = accept(new())
    pending = show_answer(order)
    assert pending is not None
    assert (pending["key"], pending["status"], pending["body"]) == ("k", 201, pending_answer(order).body)
    declined = cancel(order, Reason.PAYMENT_DECLINED, LATER)
    final = show_answer(tell(declined, answer_of(declined)))
    assert final is not None
    assert (final["status"], final["location"]) == (402, "")
    assert show_answer(replace(order, asked=None)) is None
