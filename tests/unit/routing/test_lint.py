from dataclasses import replace
from datetime import date, timedelta

import pytest

from proxy.config.model import Discover, DiscoverKind, Endpoint, HeaderEdits, PathRewrite, Respond, Upstream
from proxy.config.place import Place
from proxy.config.policy import AggregatePart, Balance, BalanceBy, Eject
from proxy.routing.lint import lint
from tests.support.routing import match, route, snapshot

TODAY = date(2026, 11, 22)


def warned(*routes) -> list[str]:
    return [problem.message for problem in lint(snapshot(*routes), TODAY)]


def retired(name, *matches, status=308, see, **others):
    return route(name, *matches, stage="retired", to=None, respond=Respond(status, see=see), **others)


SERVED = route("served", "/served")  # keeps the service's upstream in use


def test_a_table_without_faults_has_no_warnings():
    assert warned(route("a", "GET /a/**"), route("b", "/a/{x}"), route("c", "POST /a/b"), route("d", "~/x/.*")) == []


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("/a", "/a"),
        ("/a/{x}", "/a/{y}"),
        ("GET,HEAD /a", "GET /a"),
        ("/**", "~/a.*"),
        ("*", "~/a.*"),
        ("/**", match("/**", host=None)),
        (match("/a", headers={"X-A": True}), match("/a", headers={"X-A": "1"})),
    ],
)
def test_a_route_whose_every_request_another_takes_is_unreachable(wide, narrow):
    (message,) = warned(route("wide", wide), route("narrow", narrow))
    assert message == "route narrow can never be reached: wide takes every request it matches"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GET /a", "/a"),
        ("/a/**", "/a/{x}"),
        ("/a/**", "/a/b/**"),
        ("~/a.*", "~/a[b]*"),
        (match("/a", headers={"X-A": "1"}), "/a"),
        (match("/a", headers={"X-A": "1"}), match("/a", headers={"X-A": "2"})),
        (match("/a", host="x.test"), "/a"),
        (match("/a", host="*.test"), match("/a", host="test")),
        (match("/a", query={"q": True}), match("/a", headers={"X-A": True})),
    ],
)
def test_a_route_that_some_request_reaches_is_not_blamed(one, other):
    assert warned(route("one", one), route("other", other)) == []


def test_routes_that_share_the_methods_of_another_cover_it_together():
    (message,) = warned(
        route("reads", "GET /a/**", priority=1),
        route("writes", "POST,PUT /a/**", priority=1),
        route("both", "GET,POST /a/b"),
    )
    assert message == "route both can never be reached: reads and writes take every request it matches"


def test_a_list_of_methods_never_covers_a_route_that_takes_any():
    methods = "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS"
    assert warned(route("listed", f"{methods} /a"), route("any", "/a")) == []


def test_a_priority_makes_a_more_exact_route_unreachable():
    (message,) = warned(route("wide", "/**", priority=1), route("exact", "GET /a"))
    assert "route exact can never be reached" in message


def test_a_match_beside_others_is_blamed_alone_and_at_its_own_place():
    place = Place("routes.yaml", 9, 5)
    narrow = route("narrow", "/b", replace(match("/a"), place=place))
    (problem,) = lint(snapshot(route("wide", "/a"), narrow), TODAY)
    assert problem.message == "this match of route narrow adds nothing: wide takes every request it matches"
    assert problem.place == place


def test_a_match_that_repeats_one_of_its_own_route_is_blamed():
    assert warned(route("r", "/a", "/a")) == ["this match of route r adds nothing: r takes every request it matches"]


def test_a_regex_below_a_prefix_is_told_of_priority():
    (problem,) = lint(snapshot(route("all", "/**"), route("re", "~/a")), TODAY)
    assert "a regex is asked after every other kind of path" in problem.hint


def test_a_regex_that_does_not_begin_with_a_slash_can_never_match():
    (message,) = warned(route("re", "~api/v[0-9]+"))
    assert message == "the regex of route re can never match: every path begins with /"


@pytest.mark.parametrize("path", ["/internal", "/internal/**", "/internal/{x}"])
def test_a_route_under_internal_can_never_be_reached(path):
    (message,) = warned(route("r", path))
    assert message == "route r can never be reached: /internal and all below is answered 404"


def test_a_path_that_only_begins_like_internal_is_fine():
    assert warned(route("r", "/internals/**"), route("s", "/{x}/sync")) == []


def test_an_upstream_that_nothing_names_is_unused():
    made = snapshot(SERVED)
    place = Place("routes.yaml", 5, 3)
    made.upstreams["spare"] = Upstream("spare", (Endpoint("http", "127.0.0.1", 1),), place=place)
    (problem,) = lint(made, TODAY)
    assert (problem.message, problem.place, problem.severity) == ("upstream spare is not used", place, "warning")


def test_a_service_that_is_the_legacy_upstream_is_pointed_out():
    (message,) = warned(SERVED, route("r", "/a", to="monolith"))
    assert message == "route r goes to monolith at every stage: that is the legacy upstream"


def test_edits_that_no_service_will_see_are_pointed_out():
    edits = HeaderEdits(set=(("X-A", "1"),))
    made = route("r", "/a/**", to=None, stage="legacy", rewrite=PathRewrite(prefix="/b"), response_headers=edits)
    (message,) = warned(SERVED, made)
    assert message.startswith("rewrite and headers of route r have no effect")
    assert warned(replace(made, to="service"), SERVED) == []


def test_a_legacy_route_without_a_service_is_a_name_and_no_fault():
    assert warned(SERVED, route("named", "/a", to=None, stage="legacy")) == []


@pytest.mark.parametrize("see", ["/old/new", "/old", "/old/?q=1"])
def test_a_redirect_into_its_own_pattern_is_a_loop(see):
    (message,) = warned(SERVED, retired("old", "/old/**", see=see))
    assert message == f"retired route old sends clients to {see}, which it claims itself: a loop"


def test_a_redirect_to_another_retired_route_is_pointed_out():
    (message,) = warned(SERVED, retired("old", "/old", see="/older"), route("older", "/older", stage="retired"))
    assert message == "retired route old sends clients to /older, which route older claims, retired as well"


@pytest.mark.parametrize(
    "made",
    [
        retired("old", "/old/**", see="/served"),
        retired("old", "/old/**", see="/unclaimed"),
        retired("old", "/old/**", see="https://example.com/old/x"),
        retired("old", "/old/**", see="/old/x", status=410),
        retired("old", "POST /old/**", see="/old/x", status=302),  # followed with GET
        retired("old", match("/old/**", headers={"X-A": "1"}), see="/old/x"),
        retired("old", match("/old/**", host="*.test"), see="/old/x"),
    ],
)
def test_a_redirect_that_leads_somewhere_or_cannot_be_followed_here_is_not_blamed(made):
    assert warned(SERVED, made) == []


def test_a_redirect_that_keeps_the_method_is_followed_with_it():
    (message,) = warned(SERVED, retired("old", "POST /old/**", see="/old/x", status=307))
    assert "a loop" in message


def test_a_host_s_redirect_is_followed_on_that_host():
    (message,) = warned(SERVED, retired("old", match("/old/**", host="x.test"), "/older", see="/old/x"))
    assert "a loop" in message


def test_warnings_come_in_the_order_of_the_file_each_with_a_hint():
    late = route("late", "~x", place=Place("routes.yaml", 30, 5))
    early = route("early", "~y", place=Place("routes.yaml", 20, 5))
    problems = lint(snapshot(SERVED, late, early), TODAY)
    assert [problem.place.line for problem in problems] == [20, 30]
    assert all(problem.hint for problem in problems)
    assert {problem.severity for problem in problems} == {"warning"}


def test_an_upstream_that_only_a_part_names_is_used():
    assert warned(route("r", "/a", to=None, aggregate=(AggregatePart("a", "service", "/a"),))) == []


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("balance", {"balance": Balance(BalanceBy.ROUND_ROBIN)}),
        ("slow_start", {"slow_start": timedelta(seconds=30)}),
        ("eject", {"eject": Eject(after=3)}),
    ],
)
def test_a_choice_among_one_is_pointed_out(key, given):
    made, one = snapshot(SERVED), Endpoint("http", "127.0.0.1", 1)
    made.upstreams["service"] = Upstream("service", (one,), **given)
    assert [problem.message for problem in lint(made, TODAY)] == [
        f"{key} of upstream service has no effect: it has one endpoint"
    ]
    made.upstreams["service"] = Upstream("service", (one, Endpoint("http", "127.0.0.1", 2)), **given)
    assert lint(made, TODAY) == []
    made.upstreams["service"] = Upstream("service", (), discover=Discover(DiscoverKind.DNS, "h", 1), **given)
    assert lint(made, TODAY) == []
