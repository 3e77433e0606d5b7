"""What must hold of copies and comparisons: one test a rule, each with what breaks it and what does not."""

import pytest

from tests.support.routes_yaml import BASE, one_problem, problems, with_route

ROUTE = "name: r\nmatch: /a\nto: orders\n"
SANDBOX = BASE.replace('8101" }', '8101", sandboxed: true }')


@pytest.mark.parametrize(("line", "column"), [("stage: shadow", 5), ("shadow: {}", 5)])
def test_a_shadow_has_two_sides(line: str, column: int) -> None:
    found = one_problem(with_route(f"name: r\nmatch: /a\n{line}"))
    assert found.startswith(f'routes.yaml:9:{column}: route "r" is shadowed without "to" (hint: name the upstream')
    assert problems(with_route(ROUTE + line)) == []


def test_nothing_is_compared_with_itself() -> None:
    found = one_problem(with_route("name: r\nmatch: /a\nto: monolith\nstage: shadow"))
    assert '"monolith" cannot be compared with itself: it is the legacy upstream' in found


@pytest.mark.parametrize(
    ("methods", "is_fine"), [("POST", False), ("POST,HEAD", True), ("OPTIONS", False), ("GET", True)]
)
def test_a_shadow_has_something_to_copy(methods: str, is_fine: bool) -> None:
    text = with_route(f"name: r\nmatch: {methods} /a\nto: orders\nstage: shadow")
    assert (problems(text) == []) is is_fine
    if not is_fine:
        assert "takes GET or HEAD: nothing of it would be copied" in one_problem(text)


def test_writes_are_something_to_copy_where_they_are_allowed() -> None:
    text = with_route("name: r\nmatch: POST /a\nto: orders\nshadow: { allow_writes: true }", SANDBOX)
    assert problems(text) == []


def test_writes_go_to_a_sandbox_alone() -> None:
    found = one_problem(with_route(ROUTE + "stage: shadow\nshadow: { allow_writes: true }"))
    assert found.startswith('routes.yaml:11:15: allow_writes needs a sandbox, and upstream "orders" is none')
    assert problems(with_route(ROUTE + "shadow: { allow_writes: false }")) == []


def test_after_cutover_the_monolith_would_get_the_writes() -> None:
    text = with_route(ROUTE + "stage: cutover\nshadow: { allow_writes: true }", SANDBOX)
    assert 'upstream "monolith" is none: at cutover it is the monolith that is shadowed' in one_problem(text)
    assert problems(text.replace('8000" }', '8000", sandboxed: true }')) == []


def test_an_unknown_upstream_is_told_once() -> None:
    found = one_problem(with_route("name: r\nmatch: /a\nto: ordrs\nshadow: { allow_writes: true }"))
    assert 'no upstream is named "ordrs"' in found


@pytest.mark.parametrize("entry", ["{ because: x }", "{ path: $.a, header: B }", "{ css: a, header: B }"])
def test_an_ignore_has_one_subject(entry: str) -> None:
    found = one_problem(with_route(ROUTE + f"compare: {{ ignore: [{entry}] }}"))
    assert found == "routes.yaml:10:25: an entry of ignore needs one of path, header and css, and only one"


def test_a_rule_among_the_defaults_is_judged_there() -> None:
    found = one_problem(BASE.replace("legacy: monolith }", "legacy: monolith, compare: { ignore: [{ because: x }] } }"))
    assert found.startswith("routes.yaml:5:51: an entry of ignore needs one of")


def test_a_compared_header_is_named_once() -> None:
    found = one_problem(with_route(ROUTE + "compare: { headers: [Vary, vary] }"))
    assert found == "routes.yaml:10:32: vary is named twice under headers: case does not matter"


def test_a_status_is_of_one_outcome() -> None:
    found = one_problem(with_route(ROUTE + "compare: { equal_status: [[200, 204], [204, 205]] }"))
    assert found.startswith("routes.yaml:10:43: 204 stands in two lists of equal_status")


@pytest.mark.parametrize(("statuses", "is_fine"), [("200, 403", False), ("401, 204", False), ("401, 403", True)])
def test_who_is_kept_out_is_never_let_in(statuses: str, is_fine: bool) -> None:
    text = with_route(ROUTE + f"compare: {{ equal_status: [[{statuses}]] }}")
    assert (problems(text) == []) is is_fine
    if not is_fine:
        assert "who is let in on one side and kept out on the other" in one_problem(text)


def test_a_composed_answer_has_nothing_to_be_compared_with() -> None:
    route = 'name: r\nmatch: GET /a\naggregate: { a: { from: orders, get: "/a" } }\n'
    assert 'an aggregate has no "shadow": the monolith has no such answer' in one_problem(
        with_route(route + "shadow: {}")
    )
    assert 'an aggregate has no "compare"' in one_problem(with_route(route + "compare: {}"))
    assert "an aggregate is at cutover or at legacy" in one_problem(with_route(route + "stage: shadow"))
