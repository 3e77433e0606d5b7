"""The bulkhead, as transcripts."""

import pytest

from proxy.resilience.bulkhead import Bulkhead, Entry

ENTERED, QUEUED, FULL = Entry.ENTERED, Entry.QUEUED, Entry.FULL


def enter(bulkhead: Bulkhead[str], waiters: str) -> list[Entry]:
    return [bulkhead.enter(waiter) for waiter in waiters]


def test_the_first_enter_the_next_wait_and_the_others_are_turned_away() -> None:
    bulkhead = Bulkhead[str](2, 2)
    assert enter(bulkhead, "abcde") == [ENTERED, ENTERED, QUEUED, QUEUED, FULL]
    assert (bulkhead.in_flight, bulkhead.waiting) == (2, 2)
    assert (bulkhead.queued_total, bulkhead.refused_total) == (2, 1)


def test_without_a_queue_nobody_waits() -> None:
    assert enter(Bulkhead[str](1), "ab") == [ENTERED, FULL]


def test_a_slot_passes_straight_to_whoever_waited_longest() -> None:
    bulkhead = Bulkhead[str](1, 3)
    enter(bulkhead, "abc")
    assert bulkhead.leave() == "b"
    assert bulkhead.in_flight == 1
    assert bulkhead.enter("d") is QUEUED, "nobody gets in between"
    assert [bulkhead.leave(), bulkhead.leave(), bulkhead.leave()] == ["c", "d", None]
    assert bulkhead.in_flight == 0


def test_one_that_gives_up_is_passed_over() -> None:
    bulkhead = Bulkhead[str](1, 3)
    enter(bulkhead, "abc")
    assert bulkhead.give_up("b")
    assert bulkhead.leave() == "c"


def test_one_that_has_a_slot_or_never_came_has_no_wait_to_give_up() -> None:
    bulkhead = Bulkhead[str](1, 1)
    enter(bulkhead, "ab")
    assert bulkhead.leave() == "b"
    assert [bulkhead.give_up("b"), bulkhead.give_up("z")] == [False, False]
    assert bulkhead.in_flight == 1


def test_a_larger_one_lets_waiters_in_at_once() -> None:
    bulkhead = Bulkhead[str](1, 5)
    enter(bulkhead, "abcd")
    assert bulkhead.reconfigure(3, 5) == ["b", "c"]
    assert (bulkhead.in_flight, bulkhead.waiting) == (3, 1)


def test_a_smaller_one_passes_no_slot_on_before_it_has_room() -> None:
    bulkhead = Bulkhead[str](3, 5)
    enter(bulkhead, "abcd")
    assert bulkhead.reconfigure(1, 5) == []
    assert [bulkhead.leave(), bulkhead.leave()] == [None, None]
    assert bulkhead.in_flight == 1
    assert bulkhead.leave() == "d"


def test_a_shorter_queue_sends_nobody_away_but_takes_nobody_in() -> None:
    bulkhead = Bulkhead[str](1, 2)
    enter(bulkhead, "abc")
    bulkhead.reconfigure(1, 1)
    assert bulkhead.enter("d") is FULL
    assert [bulkhead.leave(), bulkhead.leave()] == ["b", "c"]


@pytest.mark.parametrize(("max_in_flight", "queue"), [(0, 0), (1, -1)])
def test_limits_that_make_no_sense_are_refused(max_in_flight: int, queue: int) -> None:
    with pytest.raises(ValueError, match="bulkhead"):
        Bulkhead[str](max_in_flight, queue)
    with pytest.raises(ValueError, match="bulkhead"):
        Bulkhead[str](1).reconfigure(max_in_flight, queue)


def test_it_describes_itself() -> None:
    bulkhead = Bulkhead[str](1, 1)
    enter(bulkhead, "abc")
    assert bulkhead.describe() == {
        "in_flight": 1,
        "max_in_flight": 1,
        "waiting": 1,
        "queue": 1,
        "queued_total": 1,
        "refused_total": 1,
    }
