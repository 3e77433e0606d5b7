"""What must hold of moving: one test a rule, each with what breaks it and what does not."""

import pytest

from tests.support.routes_yaml import BASE, one_problem, problems, with_route


def written(*routes: str) -> str:
    """A file with these routes, each with a name and a match of its own."""
    lines = [f"  - {{ name: r{n}, match: POST /{n}, {route} }}\n" for n, route in enumerate(routes)]
    return BASE + "routes:\n" + "".join(lines)


@pytest.mark.parametrize("stage", ["legacy", "cutover"])
def test_a_route_that_writes_has_no_canary(stage: str) -> None:
    lines = f"name: r\nmatch: POST /a\nto: orders\nstage: {stage}\nwrites: {{ entities: [order] }}\n"
    assert problems(with_route(lines)) == []
    said = one_problem(with_route(lines + "canary: {}"))
    assert said.startswith('routes.yaml:12:5: route "r" writes, and has no canary: two sides would write')


def test_a_route_that_writes_is_never_at_canary() -> None:
    said = one_problem(written("to: orders, stage: canary, writes: { entities: [order] }"))
    assert 'route "r0" writes, and cannot be at canary' in said
    assert "strangler handover" in said


def test_a_canary_needs_a_service_that_is_not_the_monolith() -> None:
    assert 'at canary without "to"' in one_problem(with_route("name: r\nmatch: /a\nstage: canary"))
    found = problems(with_route("name: r\nmatch: /a\nto: monolith\nstage: canary"))
    assert any("there is no side to move to" in said for said in found)


def test_an_entity_has_one_writer_at_a_time() -> None:
    at_legacy, moved = "to: orders, writes: { entities: [order] }", "to: orders, stage: cutover, "
    assert problems(written(at_legacy, at_legacy)) == []
    assert problems(written(moved + "writes: { entities: [order] }", moved + "writes: { entities: [order, a] }")) == []
    assert problems(written(at_legacy, moved + "writes: { entities: [stock] }")) == []
    assert problems(written(at_legacy, "stage: retired, writes: { entities: [order] }")) == []
    said = one_problem(written(at_legacy, moved + "writes: { entities: [stock, order] }"))
    assert '"order" has two writers: the service by route "r1", the monolith by route "r0"' in said
    assert "one handover" in said


def test_a_group_leaves_nobody_behind_who_writes_the_same() -> None:
    moving = "to: orders, group: checkout, writes: { entities: [order] }"
    assert problems(written(moving, "writes: { entities: [other] }")) == []
    said = one_problem(written(moving, "writes: { entities: [order] }"))
    assert 'route "r1" writes "order" and has no "to", while group "checkout" moves it' in said


def test_a_custom_gate_has_a_name_that_a_metric_could_have() -> None:
    gate = '{ query: q, url: "http://h", limit: "<= 1" }'
    assert problems(with_route(f"name: r\nmatch: /a\ngates: {{ ok-1: {gate} }}")) == []
    said = one_problem(with_route(f'name: r\nmatch: /a\ngates: {{ "Not ok": {gate} }}'))
    assert '"Not ok" is not a name' in said


def test_an_aggregate_has_no_canary_and_writes_nothing() -> None:
    lines = "name: r\nmatch: GET /a\naggregate: { order: { from: orders, get: /b } }\n"
    assert 'an aggregate has no "canary"' in one_problem(with_route(lines + "canary: {}"))
    assert 'an aggregate has no "writes"' in one_problem(with_route(lines + "writes: { entities: [a] }"))
    assert "an aggregate is at cutover or at legacy" in one_problem(with_route(lines + "stage: canary"))
