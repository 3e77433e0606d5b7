"""Ejection, candidates and balancing, whatever the endpoints do."""

from collections import defaultdict
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from proxy.resilience.balancing import ConsistentHash, LeastRequests, RoundRobin
from proxy.resilience.endpoint import Endpoint
from proxy.resilience.health import LONGEST_EJECTION, Ejector, EjectSettings, candidates

NOW = 1000.0
EJECTION = st.builds(
    EjectSettings,
    after=st.integers(1, 5),
    base=st.sampled_from([0.5, 5.0, 120.0]),
    max_share=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
)
STATES = st.lists(st.sampled_from(["usable", "out", "unhealthy"]), max_size=8)


def endpoints(states: list[str]) -> list[Endpoint]:
    found = [Endpoint(f"http://{number}", 0.0) for number in range(len(states))]
    for endpoint, state in zip(found, states, strict=True):
        endpoint.healthy = state != "unhealthy"
        endpoint.out_until = NOW + 5 if state == "out" else 0.0
    return found


@given(
    EJECTION,
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.sampled_from([0.0, 0.1, 1.0, 7.0])), max_size=200),
)
def test_never_is_more_than_the_share_out_nor_one_ejected_faster_than_its_time(
    settings: EjectSettings, count: int, tries: list[tuple[int, bool, float]]
) -> None:
    found = endpoints(["usable"] * count)
    ejector, now = Ejector(settings, found), NOW
    ejected: dict[Endpoint, list[tuple[float, float]]] = defaultdict(list)  # from when, until when
    for number, failed, seconds in tries:
        now += seconds
        endpoint = found[number % count]
        endpoint.begin()
        endpoint.end(failed, now)
        if failed and ejector.judge(endpoint, now):
            ejected[endpoint].append((now, endpoint.out_until))
        assert sum(now < one.out_until for one in found) <= settings.max_share * count
    for times in ejected.values():
        lengths = [until - since for since, until in times]
        assert all(settings.base <= length + 1e-6 <= LONGEST_EJECTION + 1e-5 for length in lengths)
        assert all(since >= before[1] for before, (since, _) in pairwise(times))


@given(st.integers(1, 40))
def test_one_that_flaps_is_out_ever_longer(flaps: int) -> None:
    """Up and down each second: it comes back, fails at once, and gets its next chance later than the time before."""
    one, other = endpoints(["usable", "usable"])
    ejector, now, ejections = Ejector(EjectSettings(), [one, other]), NOW, 0
    for _ in range(flaps * 100):
        now += 0.1
        if now < one.out_until or int(now) % 2:
            continue
        one.begin()
        one.end(True, now)
        ejections += ejector.judge(one, now)
    # n ejections take base · (1 + … + (n-1)) seconds, as far as they are capped not
    assert ejections <= 1 or sum(5.0 * number for number in range(1, ejections)) <= flaps * 10


@given(STATES, st.sets(st.integers(0, 7)), st.binary(max_size=8), st.integers(0, 2**32), st.sampled_from([0.0, 2000.0]))
def test_whatever_the_way_only_candidates_are_chosen(
    states: list[str], tried_places: set[int], key: bytes, seed: int, slow_start: float
) -> None:
    found = endpoints(states)
    tried = [one for place, one in enumerate(found) if place in tried_places]
    allowed = candidates(found, NOW, tried)
    draw = Random(seed).random
    for balancer in (
        LeastRequests(found, draw, slow_start),
        RoundRobin(found, draw, slow_start),
        ConsistentHash(found, slow_start),
    ):
        chosen = balancer.choose(NOW, key, tried)
        assert chosen in allowed if found else chosen is None


@given(STATES, st.sets(st.integers(0, 7)))
def test_candidates_are_usable_and_not_tried_unless_nothing_else_is_there(states: list[str], places: set[int]) -> None:
    found = endpoints(states)
    tried = {one for place, one in enumerate(found) if place in places}
    usable = {one for one in found if one.usable(NOW)}
    chosen = set(candidates(found, NOW, tried))
    assert bool(chosen) is bool(found)
    panic = len(usable) < len(found) - len(usable)
    assert panic or chosen <= usable
    assert not chosen & tried or (set(found) if panic else usable) <= tried


@given(st.sets(st.integers(0, 255), min_size=2, max_size=8), st.lists(st.binary(max_size=12), min_size=1, max_size=50))
def test_taking_an_endpoint_away_moves_only_its_keys(numbers: set[int], keys: list[bytes]) -> None:
    found = [Endpoint(f"http://10.0.0.{number}", 0.0) for number in sorted(numbers)]
    whole, smaller = ConsistentHash(found), ConsistentHash(found[1:])
    for key in keys:
        before = whole.choose(NOW, key)
        assert before is found[0] or smaller.choose(NOW, key) is before
