"""Token buckets by key."""

import pytest

from proxy.resilience.rate import RateLimit


def taken(limit: RateLimit[str], key: str, now: float, wishes: int) -> int:
    return sum(limit.take(key, now) == 0 for _ in range(wishes))


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    limit = RateLimit[str](10.0, 5)
    assert taken(limit, "a", 100.0, 20) == 5
    assert [taken(limit, "a", at, 20) for at in (100.1, 100.3, 100.35, 100.4)] == [1, 2, 0, 1]


def test_after_a_rest_there_is_a_whole_burst_and_no_more() -> None:
    limit = RateLimit[str](10.0, 5)
    taken(limit, "a", 100.0, 20)
    assert taken(limit, "a", 1000.0, 20) == 5


def test_those_refused_are_told_when_there_will_be_a_token() -> None:
    limit = RateLimit[str](2.0, 1)
    assert limit.take("a", 100.0) == 0
    assert [limit.take("a", at) for at in (100.0, 100.25)] == pytest.approx([0.5, 0.25])
    assert limit.take("a", 100.5) == 0
    assert limit.refused_total == 2


def test_asking_too_often_costs_nothing() -> None:
    limit = RateLimit[str](1.0, 1)
    taken(limit, "a", 100.0, 1000)
    assert limit.take("a", 101.0) == 0


def test_keys_do_not_know_of_each_other() -> None:
    limit = RateLimit[str](1.0, 2)
    assert [taken(limit, key, 100.0, 5) for key in ("a", "b", "a")] == [2, 2, 0]


def test_when_the_table_is_full_the_key_not_seen_for_longest_goes() -> None:
    limit = RateLimit[str](1.0, 1, max_keys=2)
    assert [limit.take(key, 100.0) > 0 for key in ("a", "b", "a", "c")] == [False, False, True, False]
    assert (limit.keys, limit.evicted_total) == (2, 1)
    assert limit.take("a", 100.0) > 0, "it was seen after b"
    assert limit.take("b", 100.0) == 0
    assert limit.evicted_total == 2


def test_another_limit_knows_what_was_used() -> None:
    limit = RateLimit[str](1.0, 2)
    taken(limit, "a", 100.0, 2)
    limit.reconfigure(2.0, 2)
    assert limit.take("a", 100.0) > 0


def test_a_looser_limit_is_not_delayed_by_what_a_stricter_one_left() -> None:
    limit = RateLimit[str](0.01, 10)
    taken(limit, "a", 100.0, 10)
    limit.reconfigure(10.0, 1)
    assert limit.take("a", 100.0) == pytest.approx(0.1)


def test_a_smaller_table_forgets_at_once() -> None:
    limit = RateLimit[str](1.0, 1, max_keys=3)
    for key in "abc":
        limit.take(key, 100.0)
    limit.reconfigure(1.0, 1, max_keys=1)
    assert (limit.keys, limit.evicted_total) == (1, 2)
    assert limit.take("c", 100.0) > 0


@pytest.mark.parametrize(("rate", "burst", "keys"), [(0.0, 1, 1), (1.0, 0, 1), (1.0, 1, 0)])
def test_limits_that_make_no_sense_are_refused(rate: float, burst: int, keys: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        RateLimit[str](rate, burst, keys)
