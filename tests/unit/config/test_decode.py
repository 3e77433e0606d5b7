"""Sections: every key, short and long forms, and what is said about keys and kinds that are wrong."""

from datetime import date, timedelta

import pytest

from proxy.config.model import (
    AccessLog,
    Address,
    Endpoint,
    HeaderEdits,
    HostHeader,
    Limits,
    Listen,
    PathKind,
    PathPattern,
    PathRewrite,
    Respond,
    Stage,
    Timeouts,
    ValuePredicate,
)
from tests.support.routes_yaml import BASE, load, one_problem, problems, with_route


def test_the_smallest_file_has_the_models_defaults() -> None:
    snapshot = load('version: 1\nupstreams: { old: { url: "http://h" } }\ndefaults: { legacy: old }\n')
    assert snapshot.listen == Listen()
    assert snapshot.routes == ()
    assert snapshot.access_log is AccessLog.ERRORS
    assert snapshot.state_dir == "/nowhere/.strangler"
    old = snapshot.upstreams["old"]
    assert (old.endpoints, old.timeouts, old.host) == ((Endpoint("http", "h", 80),), Timeouts(), HostHeader.KEEP)


def test_every_key_of_listen() -> None:
    text = """
listen:
  public: "[::]:80"
  console: 127.0.0.1:81
  trusted_proxies: [10.0.0.0/8, "::1"]
  trusted_callers: [127.0.0.1]
  limits: { head: 64KiB, body: 1GiB, head_timeout: 1s, idle_timeout: 2s, connections: 7 }
  allow_encoded_slash: true
  drain_delay: 1s
  drain_timeout: 2s
  stream_drain: 3s
log: { access: on }
state: var/state
"""
    snapshot = load(BASE + text)
    assert snapshot.listen == Listen(
        public=Address("::", 80),
        console=Address("127.0.0.1", 81),
        trusted_proxies=("10.0.0.0/8", "::1/128"),
        trusted_callers=("127.0.0.1/32",),
        limits=Limits(64 * 1024, 2**30, timedelta(seconds=1), timedelta(seconds=2), 7),
        allow_encoded_slash=True,
        drain_delay=timedelta(seconds=1),
        drain_timeout=timedelta(seconds=2),
        stream_drain=timedelta(seconds=3),
    )
    assert snapshot.access_log is AccessLog.ON
    assert snapshot.state_dir == "/nowhere/var/state"


def test_every_key_of_an_upstream() -> None:
    text = """
version: 1
upstreams:
  a:
    targets: ["https://h1/v1/", "https://h2:8443/v1"]
    timeout: { connect: 1s, response: 2s, idle: 3s }
    tls: { verify: false, server_name: Api.Internal }
    host: upstream
defaults: { legacy: a }
"""
    upstream = load(text).upstreams["a"]
    assert upstream.endpoints == (Endpoint("https", "h1", 443, "/v1"), Endpoint("https", "h2", 8443, "/v1"))
    assert upstream.timeouts == Timeouts(timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=3))
    assert (upstream.tls.ca, upstream.tls.verify, upstream.tls.server_name) == (None, False, "api.internal")
    assert upstream.host is HostHeader.UPSTREAM
    assert str(upstream.place) == "routes.yaml:4:3"


def test_a_timeout_alone_is_that_of_the_response() -> None:
    text = BASE.replace('8101" }', '8101", timeout: 7s }')
    assert load(text).upstreams["orders"].timeouts == Timeouts(response=timedelta(seconds=7))


def test_every_key_of_a_route() -> None:
    route = """
name: order-detail
match: { path: "/orders/{id}", methods: [GET] }
to: orders
stage: cutover
priority: -3
rewrite: { path: "/v1/{id}" }
headers:
  request: { set: { X-A: a }, add: { X-B: b }, remove: [X-C] }
  response: { remove: [X-D] }
upgrades: [H2C]
limits: { body: 2GiB }
group: checkout
owner: Team Orders <orders@example.com>
"""
    found = load(with_route(route)).routes[0]
    assert (found.name, found.to, found.stage, found.priority) == ("order-detail", "orders", Stage.CUTOVER, -3)
    assert found.rewrite == PathRewrite(path="/v1/{id}")
    assert found.request_headers == HeaderEdits((("X-A", "a"),), (("X-B", "b"),), ("X-C",))
    assert found.response_headers == HeaderEdits(remove=("X-D",))
    assert (found.upgrades, found.body_bytes, found.group) == (("h2c",), 2**31, "checkout")
    assert found.owner == "Team Orders <orders@example.com>"
    assert str(found.place) == "routes.yaml:7:5"
    assert str(found.matches[0].place) == "routes.yaml:8:12"


def test_a_retired_route_says_what_it_answers() -> None:
    route = (
        "name: old\nmatch: /search/**\nstage: retired\n"
        "respond: { status: 308, deprecated: 2026-09-01, sunset: 2027-01-31, see: /new }"
    )
    assert load(with_route(route)).routes[0].respond == Respond(308, date(2026, 9, 1), date(2027, 1, 31), "/new")


@pytest.mark.parametrize(
    ("short", "methods", "path"),
    [
        ("/a/**", (), "/a/**"),
        ("GET /a", ("GET",), "/a"),
        ("GET,POST /a", ("GET", "POST"), "/a"),
        ("GET, POST  /a", ("GET", "POST"), "/a"),
        ("GET,GET /a", ("GET",), "/a"),
        ('"GET /a/{id}"', ("GET",), "/a/{id}"),
    ],
)
def test_a_match_in_short_form(short: str, methods: tuple[str, ...], path: str) -> None:
    match = load(with_route(f"name: r\nmatch: {short}")).routes[0].matches[0]
    assert match.methods == methods
    assert match.path
    assert match.path.text == path


def test_a_match_in_long_form() -> None:
    route = """
name: r
match:
  path: { regex: "/r/[0-9]+" }
  host: "*.Example.com"
  headers: { X-A: a, X-B: { regex: "b+" }, X-C: { present: true }, X-D: { present: false } }
  query: { Q: "" }
  cookies: { Session: { exact: s } }
"""
    match = load(with_route(route)).routes[0].matches[0]
    assert match.path == PathPattern(PathKind.REGEX, "/r/[0-9]+")
    assert match.host == "*.example.com"
    assert match.headers == (
        ValuePredicate("x-a", exact="a"),
        ValuePredicate("x-b", regex="b+"),
        ValuePredicate("x-c", present=True),
        ValuePredicate("x-d", present=False),
    )
    assert match.query == (ValuePredicate("Q", exact=""),)
    assert match.cookies == (ValuePredicate("Session", exact="s"),)


def test_a_list_of_matches_may_mix_both_forms() -> None:
    route = "name: r\nmatch:\n  - GET /a\n  - { path: /b }"
    places = [str(match.place) for match in load(with_route(route)).routes[0].matches]
    assert places == ["routes.yaml:9:9", "routes.yaml:10:9"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BASE.replace("version: 1", "version: 2"), "1:10: 2 is not a version that this release reads: 1"),
        (BASE.replace("version: 1\n", ""), '1:1: "version" is missing'),
        (BASE.replace("defaults: { legacy: monolith }\n", ""), '1:1: "defaults" is missing'),
        (BASE.replace("{ legacy: monolith }", "{}"), '5:11: "legacy" is missing'),
        (BASE + "route: []\n", '6:1: unknown key "route" (hint: did you mean "routes"?)'),
        (BASE + "log: { acces: on }\n", '6:8: unknown key "acces" (hint: did you mean "access"?)'),
        (BASE + "log: { access: yes }\n", '6:16: "yes" is not one of: on, errors, off'),
        (BASE + "log:\n", '6:1: "log" has no value (hint: give it one, or remove the key)'),
        (BASE + "log: on\n", '6:6: "log" must be a mapping of keys (hint: keys here: access)'),
        (BASE + "listen: { limits: { heads: 1 } }\n", '6:21: unknown key "heads" (hint: did you mean "head"?)'),
        (BASE + "routes: { a: b }\n", '6:9: "routes" must be a list (hint: begin each entry with -)'),
        (
            BASE + "listen: { allow_encoded_slash: yes }\n",
            '6:32: "yes" is neither true nor false (hint: did you mean true?)',
        ),
        (BASE + "routes: [x]\n", '6:10: each entry of "routes" must be a mapping of keys'),
        (BASE + "routes:\n  -\n", "7:4: an empty entry of a list"),
        (BASE + "<<: { a: b }\n", '6:1: unknown key "<<" (hint: YAML 1.2 has no merge keys'),
        (BASE.replace("orders:", "Orders:"), '4:3: "Orders" is not a name'),
        ("version: 1\nupstreams: {}\ndefaults: { legacy: a }\n", '2:12: "upstreams" must have at least one entry'),
        ("version: 1\nupstreams: [a]\ndefaults: { legacy: a }\n", '2:12: "upstreams" must be a mapping of keys'),
        (with_route("match: /a"), '7:5: "match"') if False else (with_route("match: /a"), '7:5: "name" is missing'),
        (with_route("name: r"), '7:5: "match" is missing'),
        (with_route("name: r\nmatch: []"), '8:12: "match" must be at least one entry'),
        (with_route("name: r\nmatch: /a\nto: [orders]"), "9:9: a list stands where text is expected"),
        (with_route("name: r\nmatch: /a\nowner: 7"), "9:12: 7 is a number; text is expected"),
        (
            with_route("name: r\nmatch: /a\nstage: cutovr"),
            '9:12: "cutovr" is not a stage: legacy, shadow, canary, cutover, retired',
        ),
        (with_route("name: r\nmatch: { methods: [] }"), '8:23: "methods" must be at least one entry'),
        (
            with_route("name: r\nmatch: { header: { A: b } }"),
            '8:14: unknown key "header" (hint: did you mean "headers"?)',
        ),
        (with_route('name: r\nmatch: { headers: { "X A": b } }'), '8:25: "X A" is not the name of a header'),
        (with_route("name: r\nmatch: { headers: { Host: b } }"), "8:25: Host is matched by its own key"),
        (with_route("name: r\nmatch: { headers: { X-A: 1.10 } }"), "8:30: 1.1 is a number; text is expected"),
        (with_route("name: r\nmatch: { headers: { X-A: { is: b } } }"), '8:32: unknown key "is"'),
        (with_route("name: r\nmatch: /a b"), '8:12: "a b" is not in normal form, and would never match'),
        (
            with_route("name: r\nmatch: GET POST /a"),
            '8:12: "GET POST" is not a method (hint: several are written GET,POST)',
        ),
        (with_route("name: r\nmatch: GET,POTS /a"), '8:12: "POTS" is not a method (hint: did you mean "POST"?)'),
        (
            with_route("name: r\nmatch: /a\nrespond: { status: 200 }\nstage: retired"),
            "9:24: 200 is not a status of a retired",
        ),
        (with_route("name: r\nmatch: /a\nrewrite: /b"), '9:14: "rewrite" must be a mapping of keys'),
    ],
)
def test_a_problem_stands_at_its_key_or_value(text: str, expected: str) -> None:
    assert any(line.startswith(f"routes.yaml:{expected}") for line in problems(text)), problems(text)


@pytest.mark.parametrize(
    "line",
    [
        *("mirror: { sample: 1% }", "weight: 5%", "timeout: 3s", "retry: {}", "breaker: {}"),
        *("discover: x", "sticky: {}", "steps: []", "sync: {}"),
    ],
)
def test_keys_that_a_route_does_not_have_are_unknown(line: str) -> None:
    assert "unknown key" in one_problem(with_route(f"name: r\nmatch: /a\n{line}"))


@pytest.mark.parametrize("line", ["fallback: {}", "rate_limit: 1/s", "writes: {}"])
def test_keys_that_an_upstream_does_not_have_are_unknown(line: str) -> None:
    assert "unknown key" in one_problem(BASE.replace('8101" }', f'8101", {line} }}'))


def test_all_problems_are_reported_in_the_order_of_the_file() -> None:
    text = """\
version: 1
listen: { public: 8080, drain_delay: 5 }
upstreams:
  monolith: { url: ftp://h, hots: keep }
  orders: { url: "http://127.0.0.1:8101", timeout: { conect: 1s } }
defaults: { legacy: monolit }
routes:
  - name: a
    match: [GETT /a, /b/*]
    to: order
  - name: b
    match: /b
    stage: cutover
"""
    assert [line.split(":")[1] for line in problems(text)] == ["2", "2", "4", "4", "5", "6", "9", "9", "13"]


def test_an_upstream_with_a_problem_is_still_an_upstream_to_others() -> None:
    text = BASE.replace("http://127.0.0.1:8101", "ftp://h") + "routes:\n  - { name: r, match: /a, to: orders }\n"
    assert one_problem(text).startswith("routes.yaml:4:18:")


def test_a_value_given_twice_through_an_alias_is_reported_once() -> None:
    text = BASE + "routes:\n  - { name: a, match: &m GETT /a }\n  - { name: b, match: *m }\n"
    assert '"GETT" is not a method' in one_problem(text)
