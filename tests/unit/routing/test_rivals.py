"""Why the other routes did not get a request."""

import pytest

from proxy.routing.rivals import find_rivals
from tests.support.routing import head, match, route, table


def lost(request, *routes):
    asked, made = head(request) if isinstance(request, str) else request, table(*routes)
    return find_rivals(made, asked, made.match(asked))


def why_lost(request, *routes):
    """Why the route called `loser` did not get the request."""
    (rival,) = (rival for rival in lost(request, *routes) if rival.route == "loser")
    return rival.why


@pytest.mark.parametrize(
    ("request_line", "winner", "loser", "why"),
    [
        ("/a", "/a", "/b", "path differs: /b"),
        ("/a/", "/**", "/a", "path differs only by the slash at its end: /a"),
        ("/a", "/**", "/a/", "path differs only by the slash at its end: /a/"),
        ("/A/b", "/**", "/a/{x}", "path differs only in upper and lower case: /a/{x}"),
        ("/a//b", "/**", "/a/b", "path differs only by a doubled slash: /a/b"),
        ("/a", "/a", match("/a", host="x.test"), "host differs: x.test"),
        ("DELETE /a", "/a", "GET,POST /a", "method DELETE is not listed (GET, POST)"),
        ("HEAD /a", "HEAD /a", "GET /a", "method HEAD is not listed (GET), and another route names HEAD for this path"),
        ("/a", "/a", match("/a", headers={"X-A": "1"}), "header X-A is missing"),
        ("/a", "/a", "/{x}", "ranks lower: an exact path (/a) stands before a template (/{x})"),
        ("/a/b", "/a/**", "~/a/.*", "ranks lower: a prefix (/a/**) stands before a regex (~/a/.*)"),
        ("/a/b", "/a/b/**", "/a/**", "ranks lower: /a/b/** is a longer prefix than /a/**"),
        ("/a/b", "/a/{x}", "/{x}/b", "ranks lower: /a/{x} has a literal further left than /{x}/b"),
        ("/a", "GET /a", "/a", "ranks lower: winner names the method"),
        ("/a", "/a", "/a", "ranks lower: winner stands earlier in the file"),
        (
            head("/a", headers={"X-A": "1"}),
            match("/a", headers={"X-A": "1"}),
            "/a",
            "ranks lower: winner has more conditions on headers (1 to 0)",
        ),
        (
            "/a?q=1",
            match("/a", query={"q": "1"}),
            "/a",
            "ranks lower: winner has more conditions on the query (1 to 0)",
        ),
        (
            head("/a", host="x.test"),
            match("/a", host="x.test"),
            match("/a", host="*.test"),
            "ranks lower: host x.test is more exact than *.test",
        ),
    ],
)
def test_why_a_rival_lost(request_line, winner, loser, why):
    assert why_lost(request_line, route("winner", winner), route("loser", loser)) == why.replace("(~", "(")


def test_priority_is_named_before_anything_else():
    lifted = route("winner", "/**", priority=2)
    assert why_lost("/a", lifted, route("loser", "GET /a")) == "ranks lower: priority 2 stands above 0"


def test_a_route_with_several_matches_speaks_of_the_one_that_came_closest():
    assert why_lost("GET /a", route("winner", "/**"), route("loser", "/b", "POST /a", "/c")) == (
        "method GET is not listed (POST)"
    )


def test_the_winner_s_own_other_matches_are_no_rivals():
    assert lost("/a", route("r", "/a", "/**")) == ()


def test_only_routes_that_came_close_are_called_near():
    found = lost("GET /a", route("r", "/a"), route("post", "POST /a"), route("far", "/b"), route("slash", "/a/"))
    assert {rival.route: rival.near for rival in found} == {"post": True, "far": False, "slash": True}
