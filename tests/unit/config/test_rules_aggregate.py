"""What must hold of composed answers: one test a rule, each with what breaks it and what does not."""

import pytest

from tests.support.routes_yaml import one_problem, problems, with_route

ROUTE = 'name: r\nmatch: "/orders/{id}"\naggregate: { a: { from: orders, get: "/orders/{id}" } }\n'


def test_an_aggregate_needs_no_to() -> None:
    assert problems(with_route(ROUTE)) == []


@pytest.mark.parametrize(
    "line",
    [
        "to: orders",
        "rewrite: { path: /b }",
        "headers: { response: { remove: [X-A] } }",
        "fallback: {}",
        "respond: { status: 410 }",
        "upgrades: [h2c]",
        "limits: { body: 1KiB }",
    ],
)
def test_an_aggregate_has_only_parts(line: str) -> None:
    found = one_problem(with_route(ROUTE + line))
    assert found.startswith(f'routes.yaml:10:5: an aggregate has no "{line.partition(":")[0]}": ')
    assert found.endswith("(hint: remove it)")


def test_an_aggregate_may_have_a_limit_a_group_and_an_owner() -> None:
    assert problems(with_route(ROUTE + "rate_limit: 5/s\ngroup: g\nowner: me\npriority: 1\nstage: legacy")) == []


def test_an_aggregate_is_at_one_side() -> None:
    found = one_problem(with_route(ROUTE + "stage: retired"))
    assert found.startswith("routes.yaml:10:12: an aggregate is at cutover or at legacy")


def test_an_aggregate_only_reads() -> None:
    short = with_route("name: r\nmatch: [/b, 'GET,POST /a']\naggregate: { a: { from: orders, get: /a } }")
    assert one_problem(short).startswith("routes.yaml:8:17: an aggregate answers GET and HEAD, not POST")
    long = with_route("name: r\nmatch: { methods: [PUT] }\naggregate: { a: { from: orders, get: /a } }")
    assert one_problem(long).startswith("routes.yaml:8:23: an aggregate answers GET and HEAD, not PUT")


def test_a_part_is_of_an_upstream_that_exists() -> None:
    found = one_problem(with_route(ROUTE.replace("from: orders", "from: order")))
    assert found == 'routes.yaml:9:29: no upstream is named "order" (hint: did you mean "orders"?)'


@pytest.mark.parametrize("target", ["/x/{other}", "/x?y={other}"])
def test_a_part_uses_names_that_every_match_has(target: str) -> None:
    found = one_problem(with_route(ROUTE.replace('/orders/{id}" }', target + '" }')))
    assert "{other} is not in the path of every match of this route" in found
    assert "(hint: a value of the query is written {query.other})" in found


def test_a_name_in_one_of_two_matches_does_not_suffice() -> None:
    route = 'name: r\nmatch: ["/a/{id}", %s]\naggregate: { a: { from: orders, get: "/x/{id}" } }'
    for other in ("/b", '{ path: { regex: "/b/(?P<id>.*)" } }', "{ methods: [GET] }"):
        assert "{id} is not in the path of every match" in one_problem(with_route(route % other))
    assert problems(with_route(route % '"/b/{id}/**"')) == []


def test_a_required_part_has_no_default() -> None:
    part = 'get: "/orders/{id}"'
    found = one_problem(with_route(ROUTE.replace(part, part + ", required: true, default: []")))
    assert "the default of a required part is never used" in found
    assert problems(with_route(ROUTE.replace(part, part + ", required: false, default: []"))) == []
