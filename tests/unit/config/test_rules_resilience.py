"""What must hold between the keys of resilience: one test a rule, each with what breaks it and what does not."""

import pytest

from tests.support.routes_yaml import BASE, one_problem, problems, with_route


def upstream(lines: str) -> str:
    return BASE.replace('8101" }', f'8101", {lines} }}')


@pytest.mark.parametrize("key", ["connect", "response"])
def test_no_wait_is_longer_than_the_whole(key: str) -> None:
    found = one_problem(upstream(f"timeout: {{ total: 1s, {key}: 2s }}"))
    assert f"timeout.{key} is longer than timeout.total" in found
    assert problems(upstream(f"timeout: {{ total: 2s, {key}: 2s }}")) == []
    assert problems(upstream("timeout: { total: 1s }")) == []


def test_a_wait_needs_a_queue() -> None:
    found = one_problem(upstream("bulkhead: { max_in_flight: 1, max_wait: 2s }"))
    assert found.startswith("routes.yaml:4:73: nobody waits where there is no queue (hint: give the bulkhead a queue")
    assert problems(upstream("bulkhead: { max_in_flight: 1, max_wait: 2s, queue: 1 }")) == []
    assert problems(upstream("bulkhead: { max_in_flight: 1 }")) == []


@pytest.mark.parametrize("balance", ["consistent_hash", "{ by: consistent_hash }"])
def test_a_hash_needs_a_key(balance: str) -> None:
    found = one_problem(upstream(f"balance: {balance}"))
    assert "consistent_hash needs a key (hint: balance: { by: consistent_hash, key: ip })" in found
    assert problems(upstream("balance: { by: consistent_hash, key: ip }")) == []


@pytest.mark.parametrize("by", ["", "by: least_requests, ", "by: round_robin, "])
def test_nothing_but_a_hash_takes_a_key(by: str) -> None:
    assert "goes by no key" in one_problem(upstream(f"balance: {{ {by}key: ip }}"))


def test_a_fallback_takes_the_place_of_a_service() -> None:
    found = one_problem(with_route("name: r\nmatch: /a\nfallback: {}"))
    assert found.startswith("routes.yaml:9:5: a fallback takes the place of a service, and the route has no `to`")
    assert problems(with_route("name: r\nmatch: /a\nto: orders\nfallback: {}")) == []


def test_the_monolith_cannot_take_its_own_place() -> None:
    found = one_problem(with_route("name: r\nmatch: /a\nto: monolith\nfallback: {}"))
    assert found.startswith('routes.yaml:10:5: "monolith" cannot take its own place: it is the legacy upstream')


@pytest.mark.parametrize(
    ("match", "fallback"),
    [
        ("POST /a", "{}"),
        ("[POST /a, PUT /b]", "{}"),
        ("HEAD /a", "{ methods: [GET] }"),
    ],
)
def test_a_fallback_has_something_to_take(match: str, fallback: str) -> None:
    found = one_problem(with_route(f"name: r\nmatch: {match}\nto: orders\nfallback: {fallback}"))
    assert "nothing of it can fall back" in found


@pytest.mark.parametrize(("match", "methods"), [("GET,POST /a", "[GET]"), ("/a", "[GET]"), ("GET /a", "[HEAD]")])
def test_a_fallback_may_take_a_part_of_what_the_route_takes(match: str, methods: str) -> None:
    text = with_route(f"name: r\nmatch: {match}\nto: orders\nfallback: {{ methods: {methods} }}")
    assert problems(text) == []
