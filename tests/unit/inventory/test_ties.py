"""What may still ask the monolith for a route that has left it."""

from dataclasses import replace

from proxy.config.compare import Shadow
from proxy.config.model import Listen
from proxy.config.policy import AggregatePart, Fallback
from proxy.inventory.ties import ties
from proxy.routing.table import compile_table
from tests.support.routing import route, snapshot


def found(*routes, listen=None) -> list[str]:
    """Of the first one."""
    all_of_it = snapshot(*routes, **({"listen": listen} if listen else {}))
    return ties(all_of_it, compile_table(all_of_it), routes[0])


def test_a_retired_route_has_none():
    assert found(route("a", "/a", stage="retired")) == []


def test_a_route_that_has_not_left_is_tied_by_its_stage():
    assert found(route("a", "/a", stage="legacy")) == ["it is at legacy"]


def test_fallback_copies_and_trusted_callers_tie_a_route_at_cutover():
    moved = route("a", "/a", fallback=Fallback(), shadow=Shadow())
    assert found(moved, listen=Listen(trusted_callers=("127.0.0.1/32",))) == [
        "fallback",
        "copies that are compared",
        "trusted callers, who may choose it",
    ]


def test_a_composed_answer_that_asks_the_monolith_for_it_ties_it():
    part = AggregatePart("order", "monolith", "/api/orders/{id}?full=1")
    composed = replace(route("summary", "/summary/{id}", to=None), aggregate=(part,))
    assert found(route("orders", "GET /api/orders/**"), composed) == ["part order of summary"]
    elsewhere = replace(composed, aggregate=(replace(part, upstream="service"),))
    assert found(route("orders", "GET /api/orders/**"), elsewhere) == []
