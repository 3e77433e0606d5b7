"""The route table as a list for people and programs."""

import json

from proxy.config.compare import Shadow
from proxy.config.moving import Canary, Moving
from proxy.config.policy import AggregatePart
from proxy.routing.decision import Side
from proxy.routing.listing import describe, list_routes
from tests.support.routing import match, route, table


def test_matches_stand_in_the_order_in_which_they_are_asked() -> None:
    listed = list_routes(table(route("rest", "/a/**"), route("one", "/a/b")))
    assert [(one.rank, one.route, one.kind) for one in listed] == [(1, "one", "exact"), (2, "rest", "prefix")]


def test_a_match_is_read_aloud() -> None:
    asked = match("GET,POST /a/{id}", host="*.example.com", headers={"X-Beta": "yes"}, query={"page": True})
    (claim,) = table(route("r", asked)).ranked
    assert describe(claim) == 'GET,POST /a/{id} on *.example.com if header X-Beta is "yes" and query page is there'


def test_what_may_be_a_credential_is_not_shown() -> None:
    asked = match("/a", headers={"Authorization": "Bearer hunter2"}, cookies={"session": "hunter2"})
    (listed,) = list_routes(table(route("r", asked)))
    assert "hunter2" not in listed.request + json.dumps(listed.as_json())


def test_a_retired_route_is_answered_by_nobody_but_us() -> None:
    (listed,) = list_routes(table(route("r", "/a", stage="retired")))
    assert (listed.side, listed.upstream, listed.status) == (Side.NONE, None, 410)


def test_it_is_plain_data_for_programs() -> None:
    (listed,) = list_routes(table(route("r", "GET /a", owner="team")))
    plain = json.loads(json.dumps(listed.as_json()))
    assert (plain["methods"], plain["side"], plain["owner"]) == (["GET", "HEAD"], "service", "team")
    assert "request" not in plain


def test_a_composed_answer_lists_the_upstreams_of_its_parts_each_once() -> None:
    parts = (
        AggregatePart("a", "service", "/a"),
        AggregatePart("b", "monolith", "/b"),
        AggregatePart("c", "service", "/c"),
    )
    (listed,) = list_routes(table(route("r", "/r", to=None, aggregate=parts)))
    assert (listed.upstream, listed.parts, listed.status) == (None, ("service", "monolith"), None)
    assert listed.as_json()["parts"] == ["service", "monolith"]
    (at_legacy,) = list_routes(table(route("r", "/r", to=None, stage="legacy", aggregate=parts)))
    assert (at_legacy.upstream, at_legacy.parts) == ("monolith", ())


def test_a_route_at_canary_lists_the_side_of_those_whom_the_weight_reaches_and_their_share() -> None:
    moving = Moving(canary=Canary(weight=0.25))
    (listed,) = list_routes(table(route("r", "/a", stage="canary", shadow=Shadow(), moving=moving)))
    assert (listed.side, listed.upstream, listed.shadow, listed.weight) == (Side.SERVICE, "service", "monolith", 0.25)
    assert list_routes(table(route("r", "/a")))[0].weight is None
