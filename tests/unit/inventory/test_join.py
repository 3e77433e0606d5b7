"""Lines of the inventory: a template, who claims it, and what was asked."""

import pytest

from proxy.config.moving import Canary, Moving
from proxy.inventory.join import join, service_share
from proxy.inventory.observed import Key, Sighting
from proxy.inventory.patterns import Pattern
from proxy.routing.table import compile_table
from tests.support.routing import match, route, snapshot

READS = route("products", "GET /products/**", stage="legacy")
WRITES = route("products-write", "POST /products/**", stage="legacy")
ALL = snapshot(READS, WRITES)


def seen(
    template: str, requests: int = 1, *, method="GET", counted_as="products", product="curl", at=100, side="legacy"
):
    return Sighting(Key(counted_as, side, method, template, product), at, at + 5, (0, requests, 0, 0, 0))


def joined(*sightings: Sighting, patterns=None, of=ALL):
    return join(of, compile_table(of), sightings, patterns)


def test_reads_and_writes_of_one_template_are_lines_of_their_own_routes():
    found = joined(seen("/products/{id}/", 7), seen("/products/{id}/", 2, method="POST"))
    assert [(line.template, line.route_name, line.requests, line.writes) for line in found.lines] == [
        ("/products/{id}/", "products", 7, 0),
        ("/products/{id}/", "products-write", 2, 2),
    ]


def test_callers_classes_and_times_are_added_up():
    (line,) = joined(seen("/products/", 3), seen("/products/", 4, product="Mozilla", at=200)).lines
    assert line.products == {"curl": 3, "Mozilla": 4}
    assert line.classes == {"2xx": 7}
    assert (line.first, line.last) == (100, 205)


def test_a_pattern_takes_what_was_observed_below_it():
    patterns = [Pattern("/products/{sku}/", ("GET",)), Pattern("/products/new/", ("GET",))]
    found = joined(
        seen("/products/mug-{id}/", 0), seen("/products/mug/", 5), seen("/products/new/", 2), patterns=patterns
    )
    assert {line.template: line.requests for line in found.lines} == {"/products/{sku}/": 5, "/products/new/": 2}


def test_a_pattern_nobody_asked_for_is_a_line_for_each_of_its_routes():
    found = joined(patterns=[Pattern("/products/", ("GET", "POST")), Pattern("/other/")])
    assert {(line.template, line.route_name, line.requests) for line in found.lines} == {
        ("/products/", "products", 0),
        ("/products/", "products-write", 0),
        ("/other/", "default", 0),
    }


def test_what_no_route_claims_has_none():
    (line,) = joined(seen("/wiki/", counted_as="default")).lines
    assert line.route is None
    assert line.pattern is None


def test_the_table_as_it_is_now_says_who_claims_what_was_counted_before():
    (line,) = joined(seen("/products/", counted_as="an-old-name")).lines
    assert line.route_name == "products"


def test_a_route_that_asks_for_more_than_method_and_path_is_believed():
    hosted = route("shop", match("GET /products/**", host="shop.example"))
    of = snapshot(hosted, READS)
    found = joined(seen("/products/", 3, counted_as="shop"), seen("/wiki/", counted_as="shop"), of=of)
    assert {(line.template, line.route_name) for line in found.lines} == {("/products/", "shop"), ("/wiki/", "default")}


def test_what_has_no_template_is_counted_aside():
    found = joined(seen("(not found)", 9, product="scanner"), seen("other", 4), seen("other", 1, counted_as="gone"))
    assert found.lines == ()
    assert found.not_found == {"scanner": 9}
    assert found.untold == {"products": 4, "default": 1}
    assert found.requests == 5


@pytest.mark.parametrize(("stage", "share"), [("legacy", 0), ("shadow", 0), ("cutover", 1), ("retired", 1)])
def test_how_much_of_a_route_has_left(stage, share):
    assert service_share(route("a", "/a", stage=stage)) == share


def test_of_a_canary_as_much_as_its_weight():
    assert service_share(route("a", "/a", stage="canary", moving=Moving(canary=Canary(weight=0.25)))) == 0.25
    assert service_share(None) == 0
