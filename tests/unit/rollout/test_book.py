"""Where rollouts stand, apart from who acts upon it."""

from datetime import UTC, datetime

from proxy.rollout.book import FIRST_PAUSE, LONGEST_PAUSE, Book
from proxy.rollout.decide import Hold
from proxy.rollout.plan import plan_of
from proxy.rollout.progress import Progress
from tests.support.counted import answers
from tests.support.rolling import GOOD, rolling

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def status(book: Book, now: float, **more):
    route = rolling(**more)
    plan = plan_of(route)
    assert plan is not None
    return book.status(route, plan, now, AT)


def test_a_hold_begins_when_a_weight_is_first_seen_and_goes_on_while_it_stays() -> None:
    book = Book()
    assert status(book, 100.0).since == 100.0
    assert status(book, 130.0).since == 100.0
    assert status(book, 140.0, weight=0.05).since == 140.0


def test_what_was_held_before_a_restart_counts() -> None:
    book = Book()
    book.open({"r": Progress(weight=0.01, held=40.0)})
    assert status(book, 7.0).since == -33.0
    book.decided("r", Hold("x"), GOOD, None, 8.0)
    assert book.progress["r"].held == 41.0


def test_each_pause_is_twice_the_one_before_up_to_a_minute() -> None:
    book = Book()
    status(book, 0.0)
    assert book.keep_back("r", "no", 0.0)
    pauses = []
    for _ in range(8):
        pauses.append(status(book, 0.0).kept_until)
        assert not book.keep_back("r", "no", 0.0)
    assert pauses == [FIRST_PAUSE, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    book.begin("r", 0.01, 0.0, AT)
    assert status(book, 0.0).kept_until == 0.0


def test_of_a_route_that_left_canary_the_notes_stay_and_after_cutover_what_the_monolith_last_answered() -> None:
    book = Book()
    one = Progress(weight=0.5, held=9.0, baseline=answers(5)).noting(AT, "1% → 50%")
    book.open({"r": one, "s": one, "gone": one})
    book.forget_all_but({"r": rolling(stage="legacy"), "s": rolling("s", stage="cutover")})
    assert list(book.progress) == ["r", "s"]
    assert book.progress["r"] == Progress(notes=one.notes)
    assert book.progress["s"].baseline == answers(5)


def test_news_are_news_once() -> None:
    book = Book()
    assert book.is_news("r", "finish")
    assert not book.is_news("r", "finish")
    assert book.is_news("r", "breach x")
