"""Users at canary as they meet the data path: where they go, what cookies they get, and what caches may keep."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.config.compare import Shadow
from proxy.config.model import AccessLog, Listen
from proxy.config.moving import Canary, Moving
from proxy.config.policy import Conditions, ErrorCondition, Fallback, Key, KeyKind
from proxy.routing.decision import Side
from proxy.routing.pin import Pin, read_pins, write_pins
from proxy.routing.split import bucket_of
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, read, request

LEGACY, SERVICE = 8000, 8103
PEER = "192.0.2.7"
NOW = 1_700_000_000.0
HTML = "Accept: text/html,application/xhtml+xml;q=0.9"
ANYBODY = Listen(trusted_callers=("192.0.2.0/24",))
BY_HEADER = Key(KeyKind.HEADER, "x-customer")
PLACE_OF_PEER = bucket_of("shop", "ip", PEER)


def canary(name="svc", path="/svc/**", *, group="shop", pin=5.0, shadow=None, fallback=None, **settings):
    moving = Moving(canary=Canary(**settings), pin=timedelta(seconds=pin))
    return route(name, path, stage="canary", group=group, moving=moving, shadow=shadow, fallback=fallback)


def writes(stage="legacy", *, pin=5.0, group="shop"):
    moving = Moving(pin=timedelta(seconds=pin))
    return route("place", "POST,PUT,GET /orders", stage=stage, group=group, moving=moving)


class Split(World):
    """A world at a time of day, in which each request has a connection of its own."""

    def __init__(self, *routes, listen=ANYBODY, **keywords):
        super().__init__(snapshot(*routes, listen=listen, access_log=AccessLog.ON), **keywords)
        self.now = NOW
        self.forwarder.stickiness.key = b"k" * 32
        self.forwarder.stickiness.time_of_day = lambda: self.now

    def asks(self, sent, answered=None, peer=PEER, client=None):
        """What a client gets, and the port of the side that answered."""
        client = client or self.client(peer)
        before = len(self.upstreams)
        used = [len(one.received) for one in self.upstreams]
        client.sends(sent)
        at = next((i for i, size in enumerate(used) if len(self.upstreams[i].received) > size), before)
        self.upstreams[at].sends(answered or answer())
        return read(client.take()), self.network.asked[at][1]

    def port(self, sent, **others):
        return self.asks(sent, **others)[1]


def cookies(got):
    return dict(one.partition(";")[0].split("=", 1) for one in got.values("set-cookie"))


def decision(got):
    return dict(part.split("=") for part in got.value("x-strangler-decision").split(";"))


# sides


def test_a_user_is_always_answered_by_the_same_side():
    with Split(canary(weight=0.5, sticky=BY_HEADER)) as world:
        for number in range(40):
            sent = get("/svc/x", f"X-Customer: {number}")
            wanted = SERVICE if bucket_of("shop", "header", str(number)) < 5000 else LEGACY
            assert {world.port(sent, peer=f"192.0.2.{peer}") for peer in (1, 2, 3)} == {wanted}


def test_the_same_request_again_on_one_connection_is_answered_by_the_same_side():
    with Split(canary(weight=0.5, sticky=BY_HEADER)) as world:
        client = world.client()
        sides = [
            [world.port(get("/svc/x", f"X-Customer: {number}"), client=client) for _ in range(2)]
            for number in (*range(8), *range(8))
        ]
        assert all(first == second for first, second in sides)
        assert sides[:8] == sides[8:]
        assert {first for first, _ in sides} == {LEGACY, SERVICE}


def test_what_was_decided_for_a_user_on_one_route_holds_for_no_other():
    paths = {f"/{name}": name for name in "abcdef"}
    routes = [canary(name, f"/{name}", group=name, weight=0.5, sticky=BY_HEADER) for name in paths.values()]
    with Split(*routes) as world:
        client, wanted = world.client(), {}
        for path, group in paths.items():
            wanted[path] = SERVICE if bucket_of(group, "header", "7") < 5000 else LEGACY
        for path in [*paths, *paths]:
            assert world.port(get(path, "X-Customer: 7"), client=client) == wanted[path]
    assert set(wanted.values()) == {LEGACY, SERVICE}


def test_an_address_behind_a_trusted_proxy_is_the_client_s():
    listen = Listen(trusted_proxies=("192.0.2.7/32",), trusted_callers=("198.51.100.0/24",))
    with Split(canary(weight=0.5), listen=listen) as world:
        for number in range(20):
            address = f"198.51.100.{number}"
            got, _ = world.asks(get("/svc/x", f"X-Forwarded-For: {address}"))
            assert decision(got)["bucket"] == str(bucket_of("shop", "ip", address))


@pytest.mark.parametrize(
    ("settings", "sent", "told"),
    [
        ({"weight": 1.0, "deny": ("7",)}, (), ("legacy", "deny")),
        ({"weight": 0.0, "allow": ("7",)}, (), ("service", "allow")),
        ({"weight": 0.0}, ("X-Strangler-Side: service",), ("service", "override")),
        ({"weight": 1.0}, ("X-Strangler-Side: legacy",), ("legacy", "override")),
        ({"weight": 0.0}, (), ("legacy", "weight")),
        ({"weight": 1.0}, (), ("service", "weight")),
    ],
)
def test_trusted_callers_log_and_metrics_are_told_side_reason_and_bucket(settings, sent, told):
    with Split(canary(sticky=BY_HEADER, **settings)) as world:
        got, port = world.asks(get("/svc/x", "X-Customer: 7", *sent))
        assert port == {"legacy": LEGACY, "service": SERVICE}[told[0]]
        side, reason = told
        bucket = bucket_of("shop", "header", "7")
        assert got.value("x-strangler-decision") == f"route=svc;side={side};reason={reason};bucket={bucket}"
        assert world.requests() == [["svc", side, reason, "2xx", 1]]
        (line,) = world.logged()
        assert (line["side"], line["reason"]) == told


def test_others_are_told_nothing_and_choose_nothing():
    with Split(canary(weight=0.0), listen=Listen()) as world:
        got, port = world.asks(get("/svc/x", "X-Strangler-Side: service"))
        assert port == LEGACY
        assert got.value("x-strangler-decision") is None


def test_a_raise_counts_from_the_next_request_on_also_on_a_connection_that_is_kept():
    with Split(canary(weight=0.0)) as world:
        client = world.client()
        assert world.port(get("/svc/x"), client=client) == LEGACY
        world.swaps(replace(snapshot(canary(weight=1.0), listen=ANYBODY), revision="r2"))
        assert world.port(get("/svc/x"), client=client) == SERVICE


def test_the_monolith_may_answer_for_a_service_that_fails():
    fallback = Fallback(Conditions((ErrorCondition.CONNECT_ERROR,), (503,)))
    with Split(canary(weight=1.0, fallback=fallback)) as world:
        client = world.client()
        client.sends(get("/svc/x"))
        world.upstreams[0].sends(answer("503 Busy"))
        world.upstreams[1].sends(answer("301 Moved", "Location: /y", "Cache-Control: public"))
        got = read(client.received)
        assert decision(got) | {"bucket": ""} == {"route": "svc", "side": "legacy", "reason": "fallback", "bucket": ""}
        assert decision(got)["bucket"] == str(PLACE_OF_PEER)
        assert (got.status, got.value("cache-control")) == (302, "private")


# strangler_id


def test_a_browser_that_nothing_tells_apart_gets_an_id_and_stays_where_it_is():
    with Split(canary(weight=0.5)) as world:
        for number in range(30):
            peer = f"192.0.2.{number}"
            first, port = world.asks(get("/svc/x", HTML), peer=peer)
            (given,) = first.values("set-cookie")
            found = re.fullmatch(
                r"strangler_id=([A-Za-z0-9_-]{22}); Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", given
            )
            assert found, given
            again, same = world.asks(get("/svc/x", HTML, f"Cookie: strangler_id={found[1]}"), peer="198.51.100.1")
            assert same == port
            assert again.value("set-cookie") is None


def test_an_id_is_drawn_anew_for_every_answer_also_to_the_same_head():
    with Split(canary(weight=0.5)) as world:
        client = world.client()
        drawn = {cookies(world.asks(get("/svc/x", HTML), client=client)[0])["strangler_id"] for _ in range(5)}
        assert len(drawn) == 5


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({}, ()),
        ({}, ("Accept: application/json",)),
        ({}, ("Accept: */*",)),
        ({}, (HTML, "Cookie: strangler_id=" + "A" * 22)),
        ({"sticky": BY_HEADER}, (HTML, "X-Customer: 7")),
        ({"sticky": Key()}, (HTML,)),
        ({"allow": (PEER,)}, (HTML,)),
        ({"deny": (PEER,)}, (HTML,)),
    ],
)
def test_who_keeps_no_cookie_or_needs_none_gets_none(settings, sent):
    with Split(canary(weight=0.5, **settings)) as world:
        got, _ = world.asks(get("/svc/x", *sent))
        assert got.value("set-cookie") is None


@pytest.mark.parametrize("sent", [("Authorization: Bearer x",), ("Cookie: strangler_id=x",)])
def test_who_is_told_by_less_gets_an_id(sent):
    with Split(canary(weight=0.5, sticky=BY_HEADER)) as world:
        assert "strangler_id" in cookies(world.asks(get("/svc/x", HTML, *sent))[0])


def test_an_id_is_secure_where_the_client_speaks_tls():
    listen = Listen(trusted_proxies=("192.0.2.7/32",))
    with Split(canary(weight=0.5), listen=listen) as world:
        given = world.asks(get("/svc/x", HTML, "X-Forwarded-Proto: https"))[0].value("set-cookie")
        assert given.endswith("; Secure")
        given = world.asks(get("/svc/x", HTML, "X-Forwarded-Proto: https"), peer="192.0.2.8")[0].value("set-cookie")
        assert not given.endswith("; Secure")


def test_cookies_of_the_application_stay():
    with Split(canary(weight=0.5)) as world:
        got, _ = world.asks(get("/svc/x", HTML), answer("200 OK", "Set-Cookie: sessionid=1; Path=/"))
        assert got.values("set-cookie")[0] == "sessionid=1; Path=/"
        assert list(cookies(got)) == ["sessionid", "strangler_id"]


def test_an_error_of_our_own_gives_an_id_too():
    with Split(canary(weight=1.0)) as world:
        world.network.closed_ports = {SERVICE}
        client = world.client()
        client.sends(get("/svc/x", HTML))
        got = read(client.received)
        assert (got.status, list(cookies(got))) == (502, ["strangler_id"])


def test_no_cookie_of_ours_reaches_what_is_compared():
    with Split(canary(weight=1.0, shadow=Shadow())) as world:
        pairs = []
        world.forwarder.mirrors.hand_over = lambda pair, failure: not pairs.append(pair)
        client = world.client()
        client.sends(get("/svc/x", HTML))
        for one in world.upstreams:
            one.sends(answer())
        assert "strangler_id" in cookies(read(client.received))
        (pair,) = pairs
        assert all(name != "Set-Cookie" for each in pair.answers.values() for name, _ in each.fields)


# strangler_pin


@pytest.mark.parametrize(("stage", "weight", "side"), [("legacy", 1.0, LEGACY), ("cutover", 0.0, SERVICE)])
def test_after_a_write_the_group_stays_with_the_side_that_took_it(stage, weight, side):
    with Split(canary(weight=weight), writes(stage)) as world:
        written, port = world.asks(request("POST /orders", "Content-Length: 2", body=b"hi"))
        assert port == side
        (given,) = written.values("set-cookie")
        assert given.endswith("; Path=/; Max-Age=5; HttpOnly; SameSite=Lax")
        pinned = f"Cookie: strangler_pin={cookies(written)['strangler_pin']}"
        got, port = world.asks(get("/svc/x", pinned))
        assert (port, decision(got)["reason"]) == (side, "pin")
        assert got.value("set-cookie") is None
        world.now += 5
        got, port = world.asks(get("/svc/x", pinned))
        assert (port != side, decision(got)["reason"]) == (True, "weight")


def test_a_pin_ends_with_its_time_also_on_one_connection_and_for_the_same_head():
    with Split(canary(weight=1.0), writes()) as world:
        value = write_pins({"shop": Pin(Side.LEGACY, int(NOW) + 5)}, b"k" * 32)
        client, sent = world.client(), get("/svc/x", f"Cookie: strangler_pin={value}")
        assert [world.port(sent, client=client) for _ in range(3)] == [LEGACY] * 3
        world.now += 5
        assert world.port(sent, client=client) == SERVICE


def test_a_wish_goes_before_a_pin():
    with Split(canary(weight=1.0), writes()) as world:
        value = write_pins({"shop": Pin(Side.LEGACY, int(NOW) + 5)}, b"k" * 32)
        asked = get("/svc/x", f"Cookie: strangler_pin={value}", "X-Strangler-Side: service")
        assert world.port(asked) == SERVICE


@pytest.mark.parametrize(
    "value",
    [
        write_pins({"shop": Pin(Side.LEGACY, int(NOW) + 5)}, b"x" * 32),
        write_pins({"shop": Pin(Side.LEGACY, int(NOW))}, b"k" * 32),
        write_pins({"shop": Pin(Side.LEGACY, int(NOW) + 600)}, b"k" * 32),
        write_pins({"other": Pin(Side.LEGACY, int(NOW) + 5)}, b"k" * 32),
        "x" * 4000,
    ],
)
def test_a_pin_that_is_forged_over_or_another_s_is_ignored(value):
    with Split(canary(weight=1.0), writes()) as world:
        assert world.port(get("/svc/x", f"Cookie: strangler_pin={value}")) == SERVICE


@pytest.mark.parametrize(
    ("sent", "status", "pins"),
    [
        (request("POST /orders"), "201 Created", True),
        (request("PUT /orders"), "409 Conflict", True),
        (request("POST /orders"), "303 See Other", True),
        (request("POST /orders"), "500 Oh", False),
        (get("/orders"), "200 OK", False),
    ],
)
def test_a_write_that_was_answered_pins(sent, status, pins):
    with Split(canary(weight=1.0), writes()) as world:
        assert ("strangler_pin" in cookies(world.asks(sent, answer(status))[0])) is pins


@pytest.mark.parametrize(
    "routes",
    [
        (canary(weight=1.0), writes(pin=0.0)),
        (canary(weight=1.0, group="other"), writes()),
        (route("svc", "/svc/**", group="shop"), writes()),
        (canary(weight=1.0, group=None), writes(group=None)),
    ],
)
def test_nothing_is_pinned_that_nobody_would_read(routes):
    with Split(*routes) as world:
        assert world.asks(request("POST /orders"))[0].value("set-cookie") is None


def test_a_write_that_nobody_took_pins_nobody():
    with Split(canary(weight=1.0), writes()) as world:
        world.network.closed_ports = {LEGACY}
        client = world.client()
        client.sends(request("POST /orders"))
        got = read(client.received)
        assert (got.status, got.value("set-cookie")) == (502, None)


def test_pins_of_other_groups_are_kept():
    with Split(canary(weight=1.0), writes()) as world:
        there = {"other": Pin(Side.SERVICE, int(NOW) + 3), "shop": Pin(Side.SERVICE, int(NOW) + 1)}
        sent = request("POST /orders", f"Cookie: strangler_pin={write_pins(there, b'k' * 32)}")
        value = cookies(world.asks(sent)[0])["strangler_pin"]
        assert read_pins([value], b"k" * 32, NOW, 10.0) == {
            "other": Pin(Side.SERVICE, int(NOW) + 3),
            "shop": Pin(Side.LEGACY, int(NOW) + 5),
        }


def test_a_write_of_a_route_at_canary_pins_the_rest_of_its_group():
    with Split(canary(weight=1.0), canary("cart", "/cart", weight=0.0)) as world:
        written, port = world.asks(request("POST /cart"))
        assert port == LEGACY
        pinned = f"Cookie: strangler_pin={cookies(written)['strangler_pin']}"
        assert world.port(get("/svc/x", pinned)) == LEGACY


# caches


@pytest.mark.parametrize(
    ("stage", "wish", "tamed"),
    [
        ("legacy", "legacy", False),
        ("shadow", "legacy", False),
        ("shadow", "service", True),
        ("canary", "legacy", True),
        ("canary", "service", True),
        ("cutover", "legacy", True),
        ("cutover", "service", True),
    ],
)
def test_no_cache_keeps_what_another_side_would_have_answered(stage, wish, tamed):
    with Split(route("svc", "/svc/**", stage=stage)) as world:
        sent = get("/svc/x", f"X-Strangler-Side: {wish}")
        got, _ = world.asks(sent, answer("308 Moved", "Location: /y", "Cache-Control: public, max-age=9"))
        expected = (307, "private, max-age=9") if tamed else (308, "public, max-age=9")
        assert (got.status, got.value("cache-control")) == expected


# copies


@pytest.mark.parametrize(("weight", "primary", "ports"), [(0.0, "legacy", {SERVICE}), (1.0, "service", {LEGACY})])
def test_copies_go_to_the_side_that_does_not_answer_this_user(weight, primary, ports):
    with Split(canary(weight=weight, shadow=Shadow())) as world:
        pairs = []
        world.forwarder.mirrors.hand_over = lambda pair, failure: not pairs.append(pair)
        world.forwarder.mirrors.ask_again({"svc": 0.0})
        client = world.client()
        client.sends(get("/svc/x"))
        assert {port for _, port in world.network.asked[1:]} == ports
        for one in reversed(world.upstreams):
            one.sends(answer("301 Moved", "Location: /y"))
        assert read(client.received).status == 302
        (pair,) = pairs
        assert (pair.primary, set(pair.answers)) == (primary, {"legacy", "service"})
        assert all(("Cache-Control", "private") in each.fields for each in pair.answers.values())


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_at_canary_it_is_the_monolith_that_is_asked_again(weight):
    with Split(canary(weight=weight, shadow=Shadow())) as world:
        world.forwarder.mirrors.hand_over = lambda pair, failure: True
        world.client().sends(get("/svc/x"))
        assert sorted(port for _, port in world.network.asked) == [LEGACY, LEGACY, SERVICE]


def test_who_asks_for_a_side_is_answered_by_it_alone():
    with Split(canary(weight=0.0, shadow=Shadow())) as world:
        world.forwarder.mirrors.hand_over = lambda pair, failure: True
        world.client().sends(get("/svc/x", "X-Strangler-Side: service"))
        assert [port for _, port in world.network.asked] == [SERVICE]
