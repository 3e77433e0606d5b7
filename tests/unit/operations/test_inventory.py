"""What the inventory says of a server, and of what one has left."""

import json

import pytest

from proxy.config.policy import Fallback
from proxy.inventory.observed import Observed
from proxy.inventory.patterns import Pattern, Urlconf
from proxy.operations.errors import OperationError
from proxy.operations.inventory import Observation, from_answer, from_folder, legacy_of, view
from tests.support.routing import route, snapshot

NOON = 29_000_000


def row(route: str, template: str, requests: int, *, side="legacy", method="GET", product="curl"):
    return [route, side, method, template, product, 0, requests, 0, 0, 0]


def observed(*rows) -> Observed:
    found = Observed(NOON - 60)
    found.take("w", rows, NOON)
    return found


def look(of, *rows, urlconf=None):
    return json.loads(json.dumps(view(of, Observation(observed(*rows)), urlconf)))


def test_a_line_tells_all_that_is_known_of_a_template():
    found = look(
        snapshot(route("a", "/a/**", stage="legacy")), row("a", "/a/{id}", 3), row("a", "/a/{id}", 1, method="POST")
    )
    assert found["lines"] == [
        {
            "template": "/a/{id}", "route": "a", "stage": "legacy", "requests": 4, "share": 1.0,
            "methods": {"GET": 3, "POST": 1}, "classes": {"2xx": 4}, "callers": {"curl": 4},
            "first_seen": "2025-02-19T21:20Z", "last_seen": "2025-02-19T21:20Z", "view": None,
        }
    ]  # fmt: skip
    assert found["since"] == "2025-02-19T20:20Z"


def test_dead_are_routes_and_patterns_nobody_asked_for():
    urlconf = Urlconf(
        (Pattern("/a/", ("GET",), view="v.a"), Pattern("/b/", ("GET",), view="v.b"), Pattern("/internal/x"))
    )
    of = snapshot(route("a", "/a/**", stage="legacy"), route("b", "/b/**", stage="legacy"))
    dead = look(of, row("a", "/a/", 1), urlconf=urlconf)["dead"]
    assert dead["routes"] == [{"route": "b", "stage": "legacy"}]
    assert dead["patterns"] == [{"template": "/b/", "route": "b", "view": "v.b"}]
    assert dead["since"] == "2025-02-19T20:20Z"


def test_a_route_whose_requests_have_no_template_is_not_dead():
    assert look(snapshot(route("a", "/a/**")), row("a", "other", 1, product="other"))["dead"]["routes"] == []


def test_unrouted_is_what_no_route_and_what_no_pattern_takes():
    rows = (row("a", "/a/", 1), row("default", "/wiki/", 1))
    of = snapshot(route("a", "/a/**", stage="legacy"))
    assert look(of, *rows)["unrouted"] == {"no_route": ["/wiki/"], "no_pattern": None}
    urlconf = Urlconf((Pattern("/wiki/", ("GET",)),))
    assert look(of, *rows, urlconf=urlconf)["unrouted"] == {"no_route": ["/wiki/"], "no_pattern": ["/a/"]}


def test_callers_beyond_the_first_few_are_added_up():
    rows = [row("a", "/a/", 20 - number, product=f"bot{number}") for number in range(10)]
    callers = look(snapshot(route("a", "/a/**")), *rows)["lines"][0]["callers"]
    assert len(callers) == 9
    assert callers["others"] == 12 + 11


def test_of_a_retired_route_it_says_who_still_calls_and_since_when_the_monolith_did_not():
    of = snapshot(route("a", "/a/**", stage="retired"))
    rows = (row("a", "/a/", 9, product="Mozilla"), row("a", "/a/", 2, side="none", product="old-app"))
    (left,) = look(of, *rows)["leaving"]
    assert left["retired"] == {"requests": 2, "callers": {"old-app": 2}, "last_seen": "2025-02-19T21:20Z"}
    assert left["legacy"] == {"last_request": "2025-02-19T21:20Z", "none_since": "2025-02-19T21:20Z"}
    assert left["ties"] == []


def test_of_a_route_at_cutover_it_says_what_may_still_ask_the_monolith():
    (left,) = look(snapshot(route("a", "/a/**", fallback=Fallback())), row("a", "/a/", 9, side="service"))["leaving"]
    assert left["ties"] == ["fallback"]
    assert left["legacy"] == {"last_request": None, "none_since": "2025-02-19T20:20Z"}
    assert left["retired"] is None


def test_without_a_hit_the_time_is_since_when_anything_was_observed():
    assert legacy_of("a", observed()) == {"last_request": None, "none_since": "2025-02-19T20:20Z"}


def test_what_a_server_says_can_be_joined_elsewhere():
    known = observed(row("a", "/a/", 3))
    again = from_answer({"observed": json.loads(json.dumps(known.as_json())), "not_kept": "disk full"})
    assert again.observed.sightings() == known.sightings()
    assert again.problem == "disk full"
    with pytest.raises(OperationError, match="cannot be read"):
        from_answer({})


def test_what_a_server_has_left_is_read_from_its_folder(tmp_path):
    of = snapshot(state_dir=str(tmp_path))
    assert from_folder(of).observed.sightings() == ()
    known = observed(row("a", "/a/", 3))
    (tmp_path / "traffic.json").write_text(json.dumps(known.as_kept()))
    assert from_folder(of).observed.sightings() == known.sightings()
    (tmp_path / "traffic.json").write_text("{")
    with pytest.raises(OperationError, match=r"traffic.json cannot be read"):
        from_folder(of)
