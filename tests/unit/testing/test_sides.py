"""Who is asked for a request, by which address, and under which rules. Nobody is asked here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.testing.sides import BadSides, Sides, Systems

ROUTES = """
version: 1
upstreams:
  monolith: {url: "http://monolith.test/shop"}
  orders: {targets: ["http://orders.test:81", "http://orders.test:82"]}
  hidden: {discover: {url: "srv://_hidden._tcp.test"}}
defaults: {legacy: monolith}
routes:
  - name: orders
    match: /orders/**
    to: orders
    rewrite: {prefix: /v2}
    headers: {request: {set: {X-Set: "1"}, add: {X-Added: "2"}, remove: [X-Removed]}}
    compare: {unordered: [$.items]}
  - {name: of-a-host, match: {host: api.test, path: /of-a-host}, to: orders}
  - {name: hidden, match: GET /hidden, to: hidden}
  - {name: without, match: GET /without}
  - name: summary
    match: GET /summary
    aggregate: {order: {from: orders, get: /orders/1, required: true}}
"""

Make = Callable[..., Systems]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES, encoding="utf-8")
    made: list[Systems] = []

    def make(**said: Any) -> Systems:
        made.append(Systems(Sides(**{"config": file, **said})))
        return made[-1]

    yield make
    for systems in made:
        systems.close()


def url_of(systems: Systems, side: str, target: str, route: str | None = None, **sent: Any) -> str:
    return str(systems.client(side, route).build_request("GET", target, **sent).url)


def test_the_monolith_is_asked_as_the_test_says(make: Make) -> None:
    assert url_of(make(), "legacy", "/orders/7?a=1") == "http://monolith.test/shop/orders/7?a=1"
    assert url_of(make(legacy="http://other.test"), "legacy", "/orders/7") == "http://other.test/orders/7"


def test_a_service_is_asked_under_the_path_and_with_the_fields_that_it_knows(make: Make) -> None:
    asked = make().client("service", None).build_request(
        "GET", "/orders/7", params={"a": "b c"}, headers={"X-Removed": "0", "X-Kept": "3"}
    )  # fmt: skip
    assert str(asked.url) == "http://orders.test:81/v2/7?a=b+c"
    assert asked.headers["host"] == "orders.test:81"
    assert {name: asked.headers.get(name) for name in ("x-set", "x-added", "x-removed", "x-kept")} == {
        "x-set": "1",
        "x-added": "2",
        "x-removed": None,
        "x-kept": "3",
    }


def test_a_url_for_an_upstream_takes_the_place_of_its_endpoints(make: Make) -> None:
    systems = make(service={"orders": "http://127.0.0.1:9"})
    assert url_of(systems, "service", "/orders/7") == "http://127.0.0.1:9/v2/7"


def test_one_url_for_the_service_is_asked_as_it_is(make: Make) -> None:
    assert url_of(make(service="http://proxy.test/x/"), "service", "/orders/7") == "http://proxy.test/x/orders/7"


def test_a_host_in_the_request_chooses_among_routes(make: Make) -> None:
    assert url_of(make(), "service", "/of-a-host", headers={"Host": "api.test"}) == "http://orders.test:81/of-a-host"
    with pytest.raises(AssertionError, match=r"no route .* claims GET /of-a-host"):
        url_of(make(), "service", "/of-a-host")


def test_a_named_route_is_asked_for_everything(make: Make) -> None:
    assert url_of(make(), "service", "/elsewhere?x", "orders") == "http://orders.test:81/elsewhere?x"
    assert url_of(make(), "service", "/orders/7", "orders") == "http://orders.test:81/v2/7"
    assert url_of(make(), "service", "/%00", "orders") == "http://orders.test:81/%00"


def test_a_whole_address_is_left_alone(make: Make) -> None:
    assert url_of(make(), "service", "http://127.0.0.1:5/x") == "http://127.0.0.1:5/x"


def test_rules_are_those_of_the_route(make: Make) -> None:
    systems = make()
    for named, target, found, unordered in (
        (None, "/orders/7", "orders", ("$.items",)),
        (None, "/elsewhere", None, ()),
        ("orders", "/elsewhere", "orders", ("$.items",)),
    ):
        asked = systems.client("legacy", None).build_request("GET", target)
        route, compare = systems.rules(asked, named)
        assert (route, compare.unordered) == (found, unordered)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("/hidden", "the endpoints of hidden are found by discovery: give one with --strangler-service"),
        ("/summary", "route summary is composed by the proxy: name that with --strangler-service"),
        ("/without", "route without has no `to`"),
    ],
)
def test_a_route_without_a_service_to_ask_says_so(make: Make, target: str, told: str) -> None:
    with pytest.raises(BadSides, match=told):
        url_of(make(), "service", target)
    with pytest.raises(BadSides, match=told):
        make().client("service", target.removeprefix("/"))


def test_a_file_with_errors_tells_all_of_them(tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text("version: 1\nupstreams: {}\nroute: []\n", encoding="utf-8")
    with pytest.raises(BadSides, match=r"routes.yaml:3:1: (.|\n)*"):
        Systems(Sides(config=file))
