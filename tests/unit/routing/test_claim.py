"""One match of one route, compiled: its methods, its rank, and that it is the plain definition of a claim."""

import pytest

from proxy.routing.claim import compile_routes
from tests.support.routing import head, match, route, snapshot


def methods_of(*texts: str) -> dict[str, frozenset[str] | None]:
    routes = [route(text, text) for text in texts]
    return {claim.route.name: claim.methods for claim in compile_routes(snapshot(*routes))}


def test_get_takes_head_with_it() -> None:
    assert methods_of("GET /a") == {"GET /a": {"GET", "HEAD"}}


def test_get_leaves_head_to_a_route_that_names_it_there() -> None:
    assert methods_of("GET /a", "HEAD /a") == {"GET /a": {"GET"}, "HEAD /a": {"HEAD"}}


def test_get_keeps_head_when_it_is_named_elsewhere() -> None:
    assert methods_of("GET /a", "HEAD /b")["GET /a"] == {"GET", "HEAD"}


def test_no_methods_mean_any() -> None:
    assert methods_of("/a") == {"/a": None}


def test_every_match_of_a_route_is_a_claim_of_its_own_and_the_first_in_rank_comes_first() -> None:
    claims = compile_routes(
        snapshot(route("wide", "/a/**", "/b"), route("exact", "/a/b"), route("first", "/z", priority=1))
    )
    assert [(claim.route.name, claim.path.text) for claim in claims] == [
        ("first", "/z"),
        ("wide", "/b"),
        ("exact", "/a/b"),
        ("wide", "/a/**"),
    ]
    assert [claim.rank for claim in claims] == sorted(claim.rank for claim in claims)


@pytest.mark.parametrize(
    ("request_line", "host", "headers", "claimed"),
    [
        ("GET /a/1", "shop.example", {"X-Beta": "1"}, True),
        ("GET /a/1", "shop.example", {"X-Beta": "2"}, False),
        ("GET /a/1", "other.example", {"X-Beta": "1"}, False),
        ("POST /a/1", "shop.example", {"X-Beta": "1"}, False),
        ("GET /b/1", "shop.example", {"X-Beta": "1"}, False),
    ],
)
def test_all_conditions_must_hold(request_line: str, host: str, headers: dict[str, str], claimed: bool) -> None:
    asked = match("GET /a/{id}", host="shop.example", headers={"X-Beta": "1"})
    (claim,) = compile_routes(snapshot(route("r", asked)))
    assert claim.claims(head(request_line, host=host, headers=headers)) is claimed
