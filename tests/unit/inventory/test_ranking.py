"""What to extract next, and how far the migration is."""

import pytest

from proxy.config.moving import Moving, Writes
from proxy.inventory.join import join
from proxy.inventory.observed import Key, Sighting
from proxy.inventory.ranking import candidates, progress
from proxy.routing.table import compile_table
from tests.support.routing import route, snapshot


def seen(route: str, requests: int, method: str = "GET", failed: int = 0) -> Sighting:
    return Sighting(Key(route, "legacy", method, f"/{route}", "curl"), 1, 1, (0, requests - failed, 0, 0, failed))


def writing(name: str, *entities: str, **more):
    return route(name, f"/{name}", stage="legacy", moving=Moving(writes=Writes(entities)), **more)


def reading(name: str, stage: str = "legacy"):
    return route(name, f"/{name}", stage=stage)


def joined(routes, *sightings):
    found = snapshot(*routes)
    return join(found, compile_table(found), sightings, None)


def ranked(routes, *sightings):
    return [each.route for each in candidates(joined(routes, *sightings), routes)]


def test_the_more_is_asked_the_sooner():
    routes = [reading("a"), reading("b")]
    assert ranked(routes, seen("a", 10), seen("b", 20)) == ["b", "a"]


def test_reads_come_before_writes_and_own_writes_before_shared_ones():
    routes = [writing("shared", "stock", "order"), writing("own", "cart"), reading("read"), writing("too", "stock")]
    asked = [seen(each.name, 10, "POST" if each.name != "read" else "GET") for each in routes]
    assert ranked(routes, *asked) == ["read", "own", "shared", "too"]


def test_writes_that_do_not_say_what_they_write_count_as_shared():
    (found,) = candidates(joined([reading("a")], seen("a", 10, "POST")), [reading("a")])
    assert found.ease == 0.25
    assert "does not say what" in found.why


def test_what_fails_is_not_moved():
    routes = [reading("fine"), reading("failing")]
    best, worst = candidates(joined(routes, seen("fine", 10), seen("failing", 90, failed=9)), routes)
    assert (best.route, worst.route, worst.score) == ("fine", "failing", 0)
    assert "10.0% of the answers are errors" in worst.why


def test_the_score_is_the_stated_formula():
    routes = [writing("a", "cart"), reading("b")]
    found = {
        each.route: each for each in candidates(joined(routes, seen("a", 50, "POST", failed=1), seen("b", 50)), routes)
    }
    assert found["a"].score == pytest.approx(0.5 * 0.5 * (1 - 10 / 50))
    assert found["b"].score == pytest.approx(0.5)


def test_what_no_route_claims_is_a_candidate_by_its_template():
    (found,) = candidates(joined([], seen("wiki", 3)), [])
    assert (found.route, found.template) == ("default", "/wiki")


def test_what_has_begun_to_move_or_is_not_asked_for_is_none():
    routes = [reading("gone", "cutover"), reading("quiet")]
    assert ranked(routes, seen("gone", 3)) == []


def test_progress_is_by_where_routes_stand_now():
    routes = [reading("a", "cutover"), reading("b"), reading("c", "retired"), reading("d")]
    found = progress(joined(routes, seen("a", 60), seen("b", 20, "POST"), seen("c", 20, "POST")), routes)
    assert (found.routes, found.routes_moved) == (4, 2)
    assert (found.requests, found.requests_moved) == (100, 80)
    assert (found.writes, found.writes_moved) == (40, 20)


def test_requests_without_a_template_are_in_the_progress_too():
    routes = [reading("a", "cutover")]
    other = Sighting(Key("a", "service", "GET", "other", "other"), 1, 1, (0, 5, 0, 0, 0))
    found = progress(joined(routes, other), routes)
    assert (found.requests, found.requests_moved) == (5, 5)
