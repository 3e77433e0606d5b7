"""What a worker counts of what it was asked: by route, side, method, template and program."""

import pytest

from proxy.forwarding.traffic import MAX_SIBLINGS, NOT_FOUND
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, request

ALL = snapshot(
    route("orders", "/orders/**", stage="legacy"), route("svc", "/svc/**"), route("gone", "/gone", stage="retired")
)


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


def test_requests_without_a_row_are_a_metric(world):
    assert world.counted("strangler_traffic_other_total") == 0
