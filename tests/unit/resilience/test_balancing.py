"""Which endpoint a try goes to."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

import pytest

from proxy.resilience.balancing import Balancer, ConsistentHash, LeastRequests, RoundRobin
from proxy.resilience.endpoint import Endpoint

NOW = 1000.0
WAYS: dict[str, Callable[..., Balancer]] = {
    "least_requests": lambda endpoints, slow_start=0.0: LeastRequests(endpoints, Random(1).random, slow_start),
    "round_robin": lambda endpoints, slow_start=0.0: RoundRobin(endpoints, Random(1).random, slow_start),
    "consistent_hash": ConsistentHash,
}
any_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def endpoints(count: int, now: float = 0.0) -> list[Endpoint]:
    return [Endpoint(f"http://10.0.0.{number}:80", now) for number in range(count)]


def counted(balancer: Balancer, found: Sequence[Endpoint], tries: int, now: float = NOW) -> list[int]:
    """How often each was chosen, with nothing in flight and another key each time."""
    chosen = Counter(balancer.choose(now, str(number).encode()) for number in range(tries))
    return [chosen[endpoint] for endpoint in found]


@any_way
def test_without_endpoints_there_is_nothing_to_choose(way: Callable[..., Balancer]) -> None:
    assert way([]).choose(NOW) is None


@any_way
def test_the_only_one_is_chosen_whatever_its_state(way: Callable[..., Balancer]) -> None:
    (only,) = endpoints(1)
    only.healthy = False
    assert way([only]).choose(NOW) is only
    assert way([only]).choose(NOW, tried=[only]) is only


@any_way
def test_requests_are_spread(way: Callable[..., Balancer]) -> None:
    found = endpoints(4)
    assert all(1000 * 0.75 < count < 1000 * 1.25 for count in counted(way(found), found, 4000))


@any_way
def test_one_that_may_not_be_used_gets_nothing(way: Callable[..., Balancer]) -> None:
    found = endpoints(4)
    found[0].out_until = NOW + 1
    found[1].healthy = False
    counts = counted(way(found), found, 400)
    assert counts[:2] == [0, 0]
    assert min(counts[2:]) > 100


@any_way
def test_when_most_may_not_be_used_all_are(way: Callable[..., Balancer]) -> None:
    found = endpoints(4)
    for endpoint in found[:3]:
        endpoint.healthy = False
    assert min(counted(way(found), found, 400)) > 40


@any_way
def test_tried_ones_come_again_only_when_all_were_tried(way: Callable[..., Balancer]) -> None:
    found = endpoints(3)
    balancer, tried = way(found), []
    for _ in found:
        chosen = balancer.choose(NOW, b"key", tried)
        assert chosen is not None
        assert chosen not in tried
        tried.append(chosen)
    assert balancer.choose(NOW, b"key", tried) in found


@any_way
def test_a_fresh_one_gets_its_share_little_by_little(way: Callable[..., Balancer]) -> None:
    found = endpoints(4)
    found[0].fresh_at = NOW
    balancer = way(found, slow_start=10.0)
    full = counted(balancer, found, 4000, NOW + 10)[0]
    shares = [counted(balancer, found, 4000, NOW + age)[0] / full for age in (0.0, 2.5, 5.0, 7.5)]
    assert shares == pytest.approx([0.1, 0.25, 0.5, 0.75], abs=0.12)


@any_way
def test_when_all_are_fresh_none_is_spared(way: Callable[..., Balancer]) -> None:
    found = endpoints(3, NOW)
    assert min(counted(way(found, slow_start=10.0), found, 900)) > 150


# least requests


def test_of_two_the_one_with_fewer_in_flight_is_chosen() -> None:
    found = endpoints(2)
    balancer = LeastRequests(found, Random(1).random)
    found[1].in_flight = 1
    assert {balancer.choose(NOW) for _ in range(50)} == {found[0]}
    found[0].in_flight = 2
    assert {balancer.choose(NOW) for _ in range(50)} == {found[1]}


def test_two_choices_keep_the_fullest_close_to_the_average() -> None:
    """What one random choice does not: there the fullest of 50 has about 30 with an average of 20."""
    found = endpoints(50)
    balancer = LeastRequests(found, Random(1).random)
    for _ in range(50 * 20):
        chosen = balancer.choose(NOW)
        assert chosen is not None
        chosen.begin()
    assert max(endpoint.in_flight for endpoint in found) <= 23


def test_the_busiest_of_three_is_never_chosen() -> None:
    found = endpoints(3)
    found[2].in_flight = 10
    assert counted(LeastRequests(found, Random(1).random), found, 300)[2] == 0


def test_two_different_ones_are_looked_at_whatever_is_drawn() -> None:
    found = endpoints(3)
    for first in (0.0, 0.34, 0.67, 0.999):
        for second in (0.0, 0.499, 0.5, 0.999):
            for endpoint in found:
                endpoint.in_flight = 0
            draws = [first, second]
            one = LeastRequests(found, lambda draws=draws: draws.pop(0)).choose(NOW)
            assert one is not None
            one.in_flight = 1
            draws += [first, second]
            assert LeastRequests(found, lambda draws=draws: draws.pop(0)).choose(NOW) is not one


# round robin


def test_one_comes_after_the_other() -> None:
    found = endpoints(3)
    balancer = RoundRobin(found, lambda: 0.4)
    chosen = [balancer.choose(NOW) for _ in range(6)]
    assert chosen == [found[1], found[2], found[0]] * 2


def test_one_that_is_out_is_passed_over_and_takes_its_turn_again() -> None:
    found = endpoints(3)
    balancer = RoundRobin(found, lambda: 0.0)
    found[1].out_until = NOW + 5
    assert [balancer.choose(NOW) for _ in range(4)] == [found[0], found[2], found[0], found[2]]
    assert [balancer.choose(NOW + 5) for _ in range(3)] == found


# consistent hash


def owners(found: Sequence[Endpoint], keys: int = 2000, now: float = NOW) -> list[str | None]:
    balancer = ConsistentHash(found)
    chosen = [balancer.choose(now, f"key-{number}".encode()) for number in range(keys)]
    return [endpoint.name if endpoint else None for endpoint in chosen]


def test_a_key_has_the_same_endpoint_in_every_process_and_for_ever() -> None:
    found = endpoints(3)
    assert [name[-4] for name in owners(found, 12) if name] == list("022121012201")


def test_the_order_of_the_endpoints_does_not_matter() -> None:
    found = endpoints(5)
    assert owners(found) == owners(found[::-1])


def test_removing_an_endpoint_moves_only_its_keys() -> None:
    found = endpoints(5)
    before, after = owners(found), owners(found[1:])
    moved = [old for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {found[0].name}
    assert len(moved) == before.count(found[0].name)


def test_an_endpoint_that_is_out_gives_its_keys_to_several_and_gets_them_back() -> None:
    found = endpoints(5)
    before = owners(found)
    found[0].out_until = NOW + 5
    during = owners(found)
    assert [new for old, new in zip(before, during, strict=True) if old != new and old != found[0].name] == []
    assert len({new for old, new in zip(before, during, strict=True) if old == found[0].name}) == 4
    assert owners(found, now=NOW + 5) == before


def test_the_next_try_for_a_key_goes_to_its_next_endpoint_always_the_same() -> None:
    found = endpoints(5)
    balancer = ConsistentHash(found)
    first = balancer.choose(NOW, b"key")
    assert first is not None
    second = balancer.choose(NOW, b"key", [first])
    first.healthy = False
    assert balancer.choose(NOW, b"key") is second


def test_a_key_moves_to_a_fresh_endpoint_once() -> None:
    found = endpoints(3)
    found[0].fresh_at = NOW
    balancer = ConsistentHash(found, slow_start=10.0)
    for number in range(200):
        path = [balancer.choose(NOW + age / 10, str(number).encode()) for age in range(101)]
        assert sum(one is not other for one, other in pairwise(path)) <= 1
