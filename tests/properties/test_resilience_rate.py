"""The token bucket: never more than burst and rate allow, never less for who keeps to what it is told."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from proxy.resilience.rate import RateLimit

HISTORY = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.003, 0.1, 1.0, 60.0])), max_size=200)
LIMITS = {"rate": st.sampled_from([0.1, 1.0, 7.0, 1000.0]), "burst": st.integers(1, 5)}


@given(history=HISTORY, start=st.sampled_from([0.0, 1e5, 1e8]), **LIMITS)
def test_in_no_interval_are_there_more_than_the_burst_and_the_rate_allow(rate, burst, history, start) -> None:
    limit, now = RateLimit[int](rate, burst), start
    taken: dict[int, list[float]] = defaultdict(list)
    for key, seconds in history:
        now += seconds
        if limit.take(key, now) == 0:
            taken[key].append(now)
    for times in taken.values():
        for place, since in enumerate(times):
            for more, until in enumerate(times[place:], 1):
                assert more <= burst + rate * (until - since) + 0.01


@given(history=HISTORY, **LIMITS)
def test_who_waits_as_long_as_it_is_told_gets_a_token(rate, burst, history) -> None:
    limit, now = RateLimit[int](rate, burst), 1000.0
    for key, seconds in history:
        now += seconds
        wait = limit.take(key, now)
        assert 0 <= wait <= 1 / rate + 1e-9
        if wait:
            now += wait
            assert limit.take(key, now) == 0


@given(st.lists(st.integers(0, 50), max_size=200), st.integers(1, 10))
def test_the_table_is_never_larger_than_allowed_and_keeps_the_latest(keys: list[int], most: int) -> None:
    limit = RateLimit[int](0.001, 1, max_keys=most)
    seen: list[int] = []
    for key in keys:
        limit.take(key, 1000.0)
        seen = [one for one in seen if one != key] + [key]
        assert limit.keys == min(len(seen), most)
    assert all(limit.take(key, 1000.0) > 0 for key in seen[-most:])
