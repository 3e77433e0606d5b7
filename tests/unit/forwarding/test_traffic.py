"""What a worker counts of what it was asked: by route, side, method, template and program."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.forwarding.plan import Plan
from proxy.forwarding.traffic import MAX_GROUPS, MAX_PATHS, MAX_SIBLINGS, Group, Traffic
from proxy.observability.counters import RouteStats
from proxy.routing.decision import Reason, Side, by_default
from proxy.wire.head import RequestFields, RequestHead
from proxy.wire.path_template import NOT_FOUND
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, request

ALL = snapshot(
    route("orders", "/orders/**", stage="legacy"), route("svc", "/svc/**"), route("gone", "/gone", stage="retired")
)
STATS = RouteStats("default", Side.LEGACY, Reason.DEFAULT)


def words(before: str, number: int) -> list[str]:
    """That many words, as programmers write them."""
    return [f"{before}{'bcdf'[each // 26]}o{chr(97 + each % 26)}a" for each in range(number)]


@pytest.fixture
def world():
    with World(ALL) as made:
        yield made


def ask(world: World, client, sent: bytes, status: int = 200) -> None:
    client.sends(sent)
    upstream = world.upstreams[-1]
    upstream.take()
    upstream.sends(answer(status))


def rows(world: World) -> dict[tuple[str, ...], int]:
    """By key: how many."""
    return {tuple(row[:5]): sum(row[5:]) for row in world.forwarder.traffic.export()}


def test_requests_that_are_alike_are_one_row(world):
    client = world.client()
    for number in (1, 2, 2, 33):
        ask(world, client, get(f"/orders/{number}?token=s3cret", "User-Agent: curl/8.5"))
    assert rows(world) == {("orders", "legacy", "GET", "/orders/{id}", "curl"): 4}


def test_a_row_tells_classes_of_statuses(world):
    client = world.client()
    for status in (200, 200, 302, 500):
        ask(world, client, get("/svc/a"), status)
    assert world.forwarder.traffic.export() == [["svc", "service", "GET", "/svc/a", "-", 0, 2, 1, 0, 1]]


def test_methods_and_programs_have_rows_of_their_own(world):
    client = world.client()
    ask(world, client, get("/orders/1", "User-Agent: curl/8"))
    ask(world, client, get("/orders/1", "User-Agent: Mozilla/5.0"))
    ask(world, client, request("DELETE /orders/1", "User-Agent: curl/8"))
    ask(world, client, request("BREW /orders/1", "User-Agent: curl/8"))
    assert {(key[2], key[4]) for key in rows(world)} == {
        ("GET", "curl"), ("GET", "Mozilla"), ("DELETE", "curl"), ("other", "curl"),
    }  # fmt: skip


def test_paths_that_were_only_ever_not_found_share_a_row(world):
    client = world.client()
    for path in ("/wp-login.php", "/phpmyadmin", "/wp-login.php"):
        ask(world, client, get(path), 404)
    assert rows(world) == {("default", "legacy", "GET", NOT_FOUND, "-"): 3}


def test_a_path_that_exists_may_be_not_found_for_once(world):
    client = world.client()
    ask(world, client, get("/orders/1"))
    ask(world, client, get("/orders/2"), 404)
    assert rows(world) == {("orders", "legacy", "GET", "/orders/{id}", "-"): 2}


def test_what_we_answer_ourselves_is_counted_with_its_callers(world):
    world.client().sends(get("/gone", "User-Agent: old-app/1.0"))
    assert rows(world) == {("gone", "none", "GET", "/gone", "old-app"): 1}


def test_a_place_with_too_many_words_holds_names_of_things(world):
    client = world.client()
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [f"{one}o{two}a" for one in letters for two in letters[:3]]
    assert len(names) > MAX_SIBLINGS
    for name in names:
        ask(world, client, get(f"/orders/{name}"))
    found = rows(world)
    assert len(found) == MAX_SIBLINGS + 1
    assert found["orders", "legacy", "GET", "/orders/{id}", "-"] == len(names) - MAX_SIBLINGS


def test_a_reload_takes_no_count_back_and_moves_what_comes_then(world):
    client = world.client()
    ask(world, client, get("/svc/a"))
    world.swaps(snapshot(route("svc", "/svc/**", stage="legacy")))
    ask(world, client, get("/svc/a"))
    assert rows(world) == {("svc", "service", "GET", "/svc/a", "-"): 1, ("svc", "legacy", "GET", "/svc/a", "-"): 1}


class Asked:
    """An exchange that has ended, as far as it is counted, on a connection of its own."""

    status = 200

    def __init__(self, method: str, path: str, product: str) -> None:
        self.head = RequestHead(method, path, None, http11=True)
        self.head.fields = RequestFields(f"\r\nUser-Agent: {product}/1".encode(), [])
        self.origin: Any = SimpleNamespace(seen=None)
        self.plan = Plan(by_default("monolith"), STATS, body_bytes=0)


def entries(groups: Iterable[Group]) -> int:
    """What groups hold, wherever they hold it."""
    held = [getattr(group, name) for group in groups for name in Group.__slots__]
    return sum(len(each) for each in held if isinstance(each, dict))


def test_what_is_remembered_is_bounded_over_all_programs_and_methods():
    traffic, groups = Traffic(), {}
    for product in words("app", 40):
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            for path in words("/orders/", 20):
                asked = Asked(method, path, product)
                traffic.observe(asked)
                groups[asked.origin.seen.group.key("")] = asked.origin.seen.group
            assert entries(groups.values()) <= MAX_PATHS
    assert len(groups) == 200
    assert sum(sum(row[5:]) for row in traffic.export()) == 200 * 20


def test_a_connection_whose_group_was_forgotten_remembers_no_more_than_the_others():
    traffic = Traffic()
    old = Asked("GET", "/orders/a", "curl")
    traffic.observe(old)
    group = old.origin.seen.group
    for number in range(MAX_GROUPS):
        asked = Asked("GET", "/orders/a", "curl")
        asked.plan.stats = RouteStats(f"route{number}", Side.LEGACY, Reason.STAGE)
        traffic.observe(asked)
    for number in range(2 * MAX_PATHS):
        old.head = RequestHead("GET", f"/orders/{number}/x", None, http11=True)
        old.head.fields = old.origin.seen.head.fields
        traffic.observe(old)
    assert old.origin.seen.group is group
    assert entries([group]) <= MAX_PATHS


def test_requests_without_a_row_are_a_metric(world):
    assert world.counted("strangler_traffic_other_total") == 0
