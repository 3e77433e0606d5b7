"""A message's way as a transcript: what is tried, how long is waited, how it ends. No clock, no chance."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracted_services.messaging.delivery import Delivering, GivenUp, backoff, describe
from extracted_services.messaging.ports import Delivery, Message, NotNow, Poison, Retry

pytestmark = pytest.mark.anyio
RETRY = Retry(attempts=3, first=timedelta(seconds=1), factor=2, most=timedelta(seconds=3))
DELIVERY = Delivery(Message("order", "k", b"{}", "id"), 1, 7)


class Story:
    """Outcomes of a handler in turn (None: handled), and what happened."""

    def __init__(self, *outcomes: Exception | None, dead: tuple[Exception | None, ...] = ()) -> None:
        self.lines: list[str] = []
        self._outcomes, self._dead = list(outcomes), list(dead)

    async def handle(self, delivery: Delivery) -> None:
        self.lines.append(f"attempt {delivery.attempt}")
        self._end(self._outcomes)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        self.lines.append(f"dead after {delivery.attempt}: {reason}")
        self._end(self._dead)

    async def sleep(self, seconds: float) -> None:
        self.lines.append(f"wait {seconds:g}")

    @staticmethod
    def _end(outcomes: list[Exception | None]) -> None:
        outcome = outcomes.pop(0) if outcomes else None
        if outcome is not None:
            raise outcome

    async def told(self) -> GivenUp | None:
        return await Delivering(self.handle, self.bury, RETRY, self.sleep, lambda: 0.5).deliver(DELIVERY)


async def test_a_message_that_is_handled_is_tried_once() -> None:
    story = Story(None)
    assert await story.told() is None
    assert story.lines == ["attempt 1"]


async def test_a_failure_is_tried_again_after_longer_and_longer() -> None:
    story = Story(RuntimeError("a"), RuntimeError("b"), None)
    assert await story.told() is None
    assert story.lines == ["attempt 1", "wait 0.5", "attempt 2", "wait 1", "attempt 3"]


async def test_after_the_last_attempt_it_is_given_up_with_the_last_reason() -> None:
    story = Story(RuntimeError("a"), RuntimeError("b"), RuntimeError("c"))
    letter = await story.told()
    assert letter is not None
    assert (letter.delivery.attempt, letter.reason) == (3, "RuntimeError: c")
    assert story.lines[-2:] == ["attempt 3", "dead after 3: RuntimeError: c"]


async def test_poison_is_given_up_at_once() -> None:
    story = Story(Poison("unknown version 9"))
    assert (await story.told()) == GivenUp(DELIVERY, "unknown version 9")
    assert story.lines == ["attempt 1", "dead after 1: unknown version 9"]


async def test_not_now_counts_no_attempt_and_waits_as_long_as_it_takes() -> None:
    story = Story(*[NotNow("away")] * 5, RuntimeError("a"), None)
    assert await story.told() is None
    waits = ["wait 0.5", "wait 1", "wait 1.5", "wait 1.5", "wait 1.5"]
    assert story.lines == [*[line for w in waits for line in ("attempt 1", w)], "attempt 1", "wait 0.5", "attempt 2"]


async def test_the_dead_handler_may_wait_too() -> None:
    story = Story(Poison("bad"), dead=(NotNow("away"), None))
    assert await story.told() is not None
    assert story.lines == ["attempt 1", "dead after 1: bad", "wait 0.5", "dead after 1: bad"]


async def test_a_dead_handler_that_fails_does_not_stop_the_partition() -> None:
    story = Story(Poison("bad"), dead=(OSError("x"), OSError("x"), OSError("disk")))
    letter = await story.told()
    assert letter is not None
    assert letter.reason == "bad (and the handler of dead letters failed: OSError: disk)"


async def test_without_a_dead_handler_the_letter_is_enough() -> None:
    story = Story(Poison("bad"))
    assert await Delivering(story.handle, None, RETRY, story.sleep).deliver(DELIVERY) == GivenUp(DELIVERY, "bad")


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_longer_than_the_most(failures: int, chance: float) -> None:
    assert 0 <= backoff(RETRY, failures, chance) < 3


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Poison("why"), "why"),
        (Poison(), "Poison"),
        (ValueError("two\nlines"), "ValueError: two lines"),
        (KeyError(), "KeyError"),
    ],
)
def test_a_reason_is_one_line(error: Exception, text: str) -> None:
    assert describe(error) == text


@pytest.mark.parametrize(
    "make",
    [
        lambda: Retry(attempts=0),
        lambda: Retry(factor=0.5),
        lambda: Retry(first=timedelta()),
        lambda: Retry(first=timedelta(seconds=9)),
    ],
)
def test_a_schedule_that_is_none_is_refused(make: Callable[[], Retry]) -> None:
    with pytest.raises(ValueError, match="schedule"):
        make()
