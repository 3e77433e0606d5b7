"""What goes to an upstream, and what a route changes on the way there and back.

RFC 9110 sections 7.6.3 (Via), 6.6.1 (Date), 10.2.2 (Location).
"""

import re
from datetime import date

import pytest

from proxy.config.model import (
    Endpoint,
    HeaderEdits,
    HostHeader,
    Listen,
    PathRewrite,
    Respond,
    Snapshot,
    Upstream,
)
from tests.support.fakes import World
from tests.support.routing import route
from tests.support.wire_text import answer, get, read, request

LISTEN = Listen()


def snapshot(*routes, listen=LISTEN, prefix="", host=HostHeader.KEEP, revision="r1"):
    upstreams = {
        "monolith": Upstream("monolith", (Endpoint("http", "legacy.internal", 80),)),
        "service": Upstream("service", (Endpoint("http", "svc.internal", 8103, prefix),), host=host),
    }
    return Snapshot(revision, listen, upstreams, "monolith", routes)


def told(served, sent, **client):
    """What an upstream is told of a request."""
    with World(served) as world:
        world.client(**client).sends(sent)
        return read(world.upstream.received)


def got(served, sent, answered, **client):
    """What a client gets for an upstream's answer."""
    with World(served) as world:
        made = world.client(**client)
        made.sends(sent)
        world.upstream.sends(answered)
        return read(made.received)


SVC = route("svc", "/svc/**")

# towards the upstream


def test_an_upstream_is_told_who_asks_and_through_whom():
    asked = told(snapshot(), get("/a", "X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6"))
    assert asked.value("x-forwarded-for") == "192.0.2.7"
    assert asked.value("x-forwarded-proto") == "http"
    assert asked.value("x-forwarded-host") == "shop.example"
    assert asked.value("x-forwarded-port") == "80"
    assert asked.values("forwarded") == asked.values("x-real-ip") == []
    assert asked.value("via") == "1.1 strangler"
    assert re.fullmatch("[0-9a-f]{32}", asked.value("x-request-id"))
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", asked.value("traceparent"))


def test_a_trusted_proxys_word_is_extended():
    trusting = snapshot(listen=Listen(trusted_proxies=("10.0.0.0/8",)))
    sent = get("/a", "X-Forwarded-For: 198.51.100.9", "X-Forwarded-Proto: https", "X-Request-Id: outer-1")
    asked = told(trusting, sent, peer="10.0.0.1")
    assert asked.value("x-forwarded-for") == "198.51.100.9, 10.0.0.1"
    assert asked.value("x-forwarded-proto") == "https"
    assert asked.value("x-request-id") == "outer-1"
    other = told(trusting, sent, peer="11.0.0.1")
    assert other.value("x-forwarded-for") == "11.0.0.1"
    assert other.value("x-forwarded-proto") == "http"
    assert other.value("x-request-id") != "outer-1"


def test_on_one_connection_the_next_host_is_told_too():
    with World(snapshot()) as world:
        client = world.client()
        for host in ("a", "b:81", "a"):
            client.sends(get("/a", host=host))
            asked = read(world.upstream.take())
            assert (asked.value("host"), asked.value("x-forwarded-host")) == (host, host)
            assert asked.value("x-forwarded-port") == ("81" if host == "b:81" else "80")
            world.upstream.sends(answer())


def test_another_via_stays_and_ours_stands_behind_it():
    assert told(snapshot(), get("/a", "Via: 1.0 fred")).values("via") == ["1.0 fred", "1.1 strangler"]


def test_a_trace_is_continued_untouched():
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    asked = told(snapshot(), get("/a", f"traceparent: {parent}", "tracestate: a=1", "tracestate: b=2"))
    assert asked.value("traceparent") == parent
    assert asked.values("tracestate") == ["a=1", "b=2"]


def test_the_normal_form_of_the_path_is_what_is_sent():
    assert told(snapshot(), get("/%61%2db%c3%a9?%61")).first == "GET /a-b%C3%A9?%61 HTTP/1.1"
    assert told(snapshot(), get("http://other/a")).first == "GET /a HTTP/1.1"
    assert told(snapshot(), get("http://other/a")).value("host") == "other"
    assert told(snapshot(), request("OPTIONS *")).first == "OPTIONS * HTTP/1.1"
    assert told(snapshot(), get("/a?")).first == "GET /a? HTTP/1.1"


def test_an_upstream_may_want_its_own_host():
    own = snapshot(SVC, host=HostHeader.UPSTREAM)
    asked = told(own, get("/svc/a", "A: 1"))
    assert asked.value("host") == "svc.internal:8103"
    assert asked.value("x-forwarded-host") == "shop.example"
    assert told(own, get("/other")).value("host") == "shop.example"


def test_an_endpoints_path_prefix_stands_before_the_path():
    prefixed = snapshot(SVC, prefix="/base")
    assert told(prefixed, get("/svc/a?b")).first == "GET /base/svc/a?b HTTP/1.1"
    assert told(prefixed, get("/svc")).first == "GET /base/svc HTTP/1.1"


@pytest.mark.parametrize(
    ("path", "rewrite", "sent", "asked"),
    [
        ("/api/**", PathRewrite(prefix="/v2"), "/api/items?x=1", "/v2/items?x=1"),
        ("/api/**", PathRewrite(prefix="/v2"), "/api", "/v2"),
        ("/api/**", PathRewrite(prefix="/"), "/api/items", "/items"),
        ("/api/{id}", PathRewrite(path="/things/{id}/full"), "/api/7?a", "/things/7/full?a"),
        ("/api/{id}", PathRewrite(path="/things/{id}"), "/api/%c3%a9", "/things/%C3%A9"),
    ],
)
def test_a_route_may_rewrite_the_path_for_its_service(path, rewrite, sent, asked):
    routed = snapshot(route("r", path, rewrite=rewrite))
    assert told(routed, get(sent)).first == f"GET {asked} HTTP/1.1"


def test_the_monolith_always_gets_what_the_client_sent():
    edits = HeaderEdits(set=(("X-New", "1"),), remove=("Accept",))
    changed = {"rewrite": PathRewrite(prefix="/v2"), "request_headers": edits, "response_headers": edits}
    legacy = snapshot(route("r", "/api/**", stage="legacy", **changed))
    asked = told(legacy, get("/api/a", "Accept: x"))
    assert (asked.first, asked.value("accept"), asked.value("x-new")) == ("GET /api/a HTTP/1.1", "x", None)
    back = got(legacy, get("/api/a"), answer("301 Moved", "Location: /v2/x", "Accept: y", "Cache-Control: public"))
    assert (back.status, back.value("location"), back.value("accept")) == (301, "/v2/x", "y")
    assert back.value("cache-control") == "public"


def test_a_route_may_edit_the_request_for_its_service():
    edits = HeaderEdits(set=(("X-Set", "new"),), add=(("X-Add", "1"),), remove=("Cookie",))
    asked = told(snapshot(route("r", "/a", request_headers=edits)), get("/a", "x-set: old", "Cookie: a=b", "X-Add: 0"))
    assert asked.values("x-set") == ["new"]
    assert asked.values("x-add") == ["0", "1"]
    assert asked.value("cookie") is None
    assert asked.value("host") == "shop.example"


# back to the client


def test_every_answer_has_a_request_id_and_a_date():
    back = got(snapshot(), get(), answer("200 OK", "X-Request-Id: theirs"))
    assert re.fullmatch("[0-9a-f]{32}", back.value("x-request-id"))
    assert back.value("date").endswith(" GMT")
    assert got(snapshot(), get(), answer("200 OK", "Date: then")).values("date") == ["then"]


def test_cookies_and_their_order_are_left_alone():
    cookies = ["a=1; Path=/v2", "b=2; Domain=svc.internal", "a=1; Path=/v2"]
    edited = route("svc", "/svc/**", response_headers=HeaderEdits(set=(("X", "1"),)))
    back = got(snapshot(edited), get("/svc/x"), answer("200 OK", *(f"Set-Cookie: {one}" for one in cookies)))
    assert back.values("set-cookie") == cookies


@pytest.mark.parametrize(
    ("status", "leaves"),
    [
        ("301 Moved Permanently", "302 Found"),
        ("308 Permanent Redirect", "307 Temporary Redirect"),
        ("303 See", "303 See"),
    ],
)
def test_no_permanent_redirect_of_a_split_route_outlives_a_rollback(status, leaves):
    assert got(snapshot(SVC), get("/svc/x"), answer(status, "Location: /x")).first == f"HTTP/1.1 {leaves}"
    assert got(snapshot(SVC), get("/other"), answer(status, "Location: /x")).first == f"HTTP/1.1 {status}"


@pytest.mark.parametrize(
    ("sent", "leaves"),
    [((), ["private"]), (("public, max-age=60",), ["private, max-age=60"]), (("no-store", "a"), ["no-store", "a"])],
)
def test_no_shared_cache_keeps_an_answer_of_a_split_route(sent, leaves):
    answered = answer("200 OK", *(f"Cache-Control: {one}" for one in sent))
    assert got(snapshot(SVC), get("/svc/x"), answered).values("cache-control") == leaves
    assert got(snapshot(SVC), get("/other"), answered).values("cache-control") == list(sent)


def test_edits_of_a_like_answer_are_the_same_each_time():
    with World(snapshot(SVC)) as world:
        client = world.client()
        for number in (b"1", b"2", b"3"):
            client.sends(get("/svc/x"))
            world.upstream.sends(answer("301 Moved", "Cache-Control: public", "Location: /x", body=number))
            back = read(client.take())
            assert (back.status, back.value("cache-control"), back.body) == (302, "private", number)
        client.sends(get("/svc/x"))
        world.upstream.sends(answer("200 OK", "A: 1"))
        back = read(client.take())
        assert (back.status, back.value("a"), back.value("location")) == (200, "1", None)


def test_a_route_may_edit_its_services_answer():
    edits = HeaderEdits(set=(("Server", "shop"),), add=(("X-Add", "1"),), remove=("X-Powered-By",))
    edited = snapshot(route("r", "/a", response_headers=edits))
    back = got(edited, get("/a"), answer("200 OK", "server: x", "x-powered-by: y"))
    assert (back.values("server"), back.value("x-add"), back.value("x-powered-by")) == (["shop"], "1", None)
    assert back.body == b"ok"


@pytest.mark.parametrize(
    ("location", "mapped"),
    [
        ("http://svc.internal:8103/x", "http://shop.example/x"),
        ("/elsewhere", "/elsewhere"),
        ("https://bank.example/pay", "https://bank.example/pay"),
        ("next", "next"),
        ("", ""),
    ],
)
def test_a_location_is_mapped_back_where_it_names_the_endpoint(location, mapped):
    back = got(snapshot(SVC), get("/svc/x"), answer("302 Found", f"Location: {location}"))
    assert back.value("location") == mapped


def test_a_location_under_the_rewritten_prefix_is_mapped_back():
    rewriting = snapshot(route("r", "/api/**", rewrite=PathRewrite(prefix="/v2")))
    back = got(rewriting, get("/api/x"), answer("201 Created", "Location: /v2/things/7"))
    assert back.value("location") == "/api/things/7"
    back = got(rewriting, get("/api/x"), answer("201 Created", "Location: http://svc.internal:8103/v2/things/7"))
    assert back.value("location") == "http://shop.example/api/things/7"


def test_a_location_under_the_endpoints_own_prefix_is_mapped_back():
    back = got(snapshot(SVC, prefix="/base"), get("/svc/x"), answer("302 Found", "Location: /base/svc/y"))
    assert back.value("location") == "/svc/y"
    rewriting = snapshot(route("r", "/api/**", rewrite=PathRewrite(prefix="/v2")), prefix="/base")
    back = got(rewriting, get("/api/x"), answer("302 Found", "Location: /base/v2/y"))
    assert back.value("location") == "/api/y"


def test_an_endpoint_that_is_the_public_address_needs_no_mapping():
    sent = get("/svc/x", host="svc.internal:8103")
    back = got(snapshot(SVC), sent, answer("302 Found", "Location: https://svc.internal:8103/y"))
    assert back.value("location") == "https://svc.internal:8103/y"


# trusted callers


STEERING = Listen(trusted_callers=("192.0.2.7/32",), trusted_proxies=("10.0.0.0/8",))


def test_a_trusted_caller_is_told_the_decision_and_may_choose_the_side():
    tells_decision = snapshot(SVC, listen=STEERING)
    plain = got(tells_decision, get("/svc/x"), answer())
    assert plain.value("x-strangler-decision") == "route=svc;side=service;reason=stage;bucket=-"
    with World(tells_decision) as world:
        client = world.client()
        client.sends(get("/svc/x", "X-Strangler-Side: legacy"))
        assert world.network.asked == [("legacy.internal", 80)]
        assert read(world.upstream.received).value("x-strangler-side") is None
        world.upstream.sends(answer())
        told_so = read(client.received).value("x-strangler-decision")
        assert told_so == "route=svc;side=legacy;reason=override;bucket=-"


def test_a_trusted_caller_is_known_behind_a_trusted_proxy_and_not_behind_another():
    for peer, knows in (("10.0.0.1", True), ("198.51.100.1", False)):
        sent = get("/svc/x", "X-Forwarded-For: 192.0.2.7", "X-Strangler-Side: legacy")
        back = got(snapshot(SVC, listen=STEERING), sent, answer(), peer=peer)
        assert (back.value("x-strangler-decision") is not None) is knows


def test_others_are_told_nothing_and_choose_nothing():
    with World(snapshot(SVC, listen=STEERING)) as world:
        client = world.client("198.51.100.1")
        client.sends(get("/svc/x", "X-Strangler-Side: legacy"))
        assert world.network.asked == [("svc.internal", 8103)]
        world.upstream.sends(answer("200 OK", "X-Strangler-Decision: forged"))
        assert read(client.received).value("x-strangler-decision") is None


# answers of our own


RETIRED = Respond(410, deprecated=date(2026, 9, 1), sunset=date(2027, 1, 31), see="/api/products")


def local(respond):
    with World(snapshot(route("old", "/old", stage="retired", to=None, respond=respond))) as world:
        client = world.client()
        client.sends(get("/old"))
        assert world.upstreams == []
        assert world.requests()[0][:3] == ["old", "none", "retired"]
        assert not client.closed
        return read(client.received)


def test_a_retired_route_says_since_when_until_when_and_where_instead():
    # RFC 9745, RFC 8594, RFC 5829
    back = local(RETIRED)
    assert back.first == "HTTP/1.1 410 Gone"
    assert back.value("deprecation") == "@1788220800"
    assert back.value("sunset") == "Sun, 31 Jan 2027 00:00:00 GMT"
    assert back.value("link") == '</api/products>; rel="successor-version"'
    assert back.value("cache-control") == "no-store"
    assert back.outcome == "retired"
    assert int(back.value("content-length")) == len(back.body)
    assert back.value("date")


def test_a_retired_route_may_redirect():
    back = local(Respond(308, see="/new"))
    assert (back.first, back.value("location"), back.value("link")) == ("HTTP/1.1 308 Permanent Redirect", "/new", None)
    assert (back.value("content-length"), back.value("cache-control")) == ("0", "no-store")


def test_a_retired_route_reads_past_no_body():
    with World(snapshot(route("old", "/old", stage="retired", to=None))) as world:
        client = world.client()
        client.sends(request("POST /old", "Content-Length: 4", body=b"ab"))
        assert read(client.received).value("connection") == "close"
        client.sends(b"cd" + get("/svc/x"))
        assert world.upstreams == []


def test_a_whole_body_to_a_retired_route_leaves_the_connection_to_the_next():
    with World(snapshot(route("old", "/old", stage="retired", to=None))) as world:
        client = world.client()
        client.sends(request("POST /old", "Content-Length: 4", body=b"abcd") + get("/x"))
        assert read(client.received).value("connection") is None
        assert read(world.upstream.received).first == "GET /x HTTP/1.1"


def test_our_own_answer_to_head_has_no_body():
    with World(snapshot()) as world:
        world.network.refusal = OSError()
        client = world.client()
        client.sends(request("HEAD /a"))
        back = read(client.received)
        assert (back.status, back.body) == (502, b"")
        assert int(back.value("content-length")) > 0
