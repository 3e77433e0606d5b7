"""Composed answers as transcripts: who is asked for what, what the client gets, and what becomes of the others."""

import json

import pytest

from proxy.gateway.aggregate import compose_parts
from tests.support.fakes import MemoryTransport, World
from tests.support.routes_yaml import load
from tests.support.wire_text import Message, answer, get, read, request

FILE = """\
version: 1
listen: {{ trusted_proxies: [10.0.0.0/8], trusted_callers: [127.0.0.1]{listen} }}
log: {{ access: on }}
upstreams:
  monolith: {{ url: "http://127.0.0.1:8000" }}
  orders: {{ url: "http://127.0.0.1:8101"{orders} }}
  payments: {{ url: "http://127.0.0.1:8102", timeout: 5s }}
  inventory: {{ url: "http://127.0.0.1:8103" }}
defaults: {{ legacy: monolith }}
routes:
  - name: summary
    match: GET /orders/{{id}}/summary
    stage: {stage}
    aggregate:
      order: {{ from: orders, get: "/api/orders/{{id}}", required: true, timeout: 2s }}
      payment: {{ from: payments, get: "/api/payments?order={{id}}&view={{query.view}}" }}
      stock: {{ from: inventory, get: "/api/stock", default: [] }}
"""
ORDER, PAYMENT, STOCK = 8101, 8102, 8103


def opened(*, stage: str = "cutover", listen: str = "", orders: str = "") -> World:
    return World(load(FILE.format(stage=stage, listen=listen, orders=orders)), compose=compose_parts)


@pytest.fixture
def world():
    with opened() as made:
        yield made


def asked(world: World, port: int) -> MemoryTransport:
    """The last connection to a port."""
    ports = [asked for _, asked in world.network.asked]
    return world.upstreams[len(ports) - 1 - ports[::-1].index(port)]


def says(world: World, port: int, body: bytes, status: str = "200 OK", *lines: str) -> None:
    asked(world, port).sends(answer(status, "Content-Type: application/json", *lines, body=body))


def errors(client: MemoryTransport) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(read(client.received).body)["_errors"]
    return found


def parts(world: World) -> dict[tuple[str, str], int]:
    counters = world.forwarder.export()["counters"]
    assert isinstance(counters, list)
    return {
        (labels["part"], labels["outcome"]): count
        for name, labels, count in counters
        if name == "strangler_aggregate_parts_total"
    }


def test_all_parts_are_asked_at_once_and_mounted_in_the_order_of_the_file(world):
    client = world.client()
    client.sends(get("/orders/7/summary?view=short"))
    first = {port: read(asked(world, port).received).first for port in (ORDER, PAYMENT, STOCK)}
    assert first == {
        ORDER: "GET /api/orders/7 HTTP/1.1",
        PAYMENT: "GET /api/payments?order=7&view=short HTTP/1.1",
        STOCK: "GET /api/stock HTTP/1.1",
    }
    says(world, STOCK, b"[1]")
    says(world, ORDER, b'{"total": 12.30}')
    assert client.received == b""
    says(world, PAYMENT, b"\r\nnull ")
    got = read(client.received)
    assert (got.first, got.body) == ("HTTP/1.1 200 OK", b'{"order":{"total": 12.30},"payment":null,"stock":[1]}')
    assert got.value("content-type") == "application/json"
    assert got.value("cache-control") == "private, no-cache"
    assert parts(world) == {("order", "ok"): 1, ("payment", "ok"): 1, ("stock", "ok"): 1}


def test_it_counts_and_is_logged_as_one_request(world):
    client = world.client()
    client.sends(get("/orders/7/summary"))
    for port in (ORDER, PAYMENT, STOCK):
        says(world, port, b"{}")
    assert world.requests() == [["summary", "service", "stage", "2xx", 1]]
    (line,) = world.logged()
    assert (line["route"], line["status"], line["upstream"]) == ("summary", 200, None)
    assert line["bytes_sent"] == len(read(client.received).body)


def test_connections_of_parts_are_kept_and_used_again(world):
    client = world.client()
    for _ in range(2):
        client.sends(get("/orders/7/summary"))
        for port in (ORDER, PAYMENT, STOCK):
            says(world, port, b"{}")
    assert len(world.upstreams) == 3
    assert client.received.count(b"HTTP/1.1 200 OK") == 2


def test_parts_learn_who_asks_and_nothing_that_would_spoil_their_answers(world):
    world.client("192.0.2.7").sends(
        get(
            "/orders/7/summary",
            "Authorization: Bearer t", "Cookie: a=1", "Cookie: b=2", "Accept-Language: de", "baggage: k=v",
            "If-None-Match: \"1\"", "Range: bytes=0-1", "Accept: text/html", "Accept-Encoding: br", "X-Other: 1",
            "X-Forwarded-For: 1.2.3.4", "X-Strangler-Side: service", "User-Agent: curl",
        )
    )  # fmt: skip
    sent = read(asked(world, ORDER).received)
    assert sent.values("authorization") == ["Bearer t"]
    assert sent.values("cookie") == ["a=1", "b=2"]
    assert sent.value("host") == "shop.example"
    assert (sent.value("accept-language"), sent.value("baggage")) == ("de", "k=v")
    assert (sent.value("accept"), sent.value("accept-encoding")) == ("application/json", "identity")
    assert sent.value("x-forwarded-for") == "192.0.2.7"
    assert sent.value("via") == "1.1 strangler"
    for name in ("if-none-match", "range", "x-other", "x-strangler-side", "user-agent", "content-length"):
        assert sent.value(name) is None


def test_the_word_of_a_trusted_proxy_is_extended_for_every_part(world):
    world.client("10.0.0.9").sends(get("/orders/7/summary", "X-Forwarded-For: 1.2.3.4", "X-Request-Id: abc"))
    for port in (ORDER, STOCK):
        sent = read(asked(world, port).received)
        assert (sent.value("x-forwarded-for"), sent.value("x-request-id")) == ("1.2.3.4, 10.0.0.9", "abc")


def test_parts_share_the_request_id_and_the_trace(world):
    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    client = world.client()
    client.sends(get("/orders/7/summary", f"traceparent: {trace}", "tracestate: a=1"))
    sent = [read(asked(world, port).received) for port in (ORDER, PAYMENT, STOCK)]
    assert {one.value("traceparent") for one in sent} == {trace}
    assert {one.value("tracestate") for one in sent} == {"a=1"}
    says(world, ORDER, b"", "404 Not Found")
    assert {one.value("x-request-id") for one in sent} == {read(client.received).value("x-request-id")}


def test_a_trace_that_begins_here_is_the_same_for_all_parts(world):
    world.client().sends(get("/orders/7/summary"))
    assert len({read(asked(world, port).received).value("traceparent") for port in (ORDER, PAYMENT, STOCK)}) == 1


@pytest.mark.parametrize(
    ("target", "order", "payment"),
    [
        ("/orders/a%3Fb%23c/summary", "/api/orders/a%3Fb%23c", "/api/payments?order=a%3Fb%23c"),
        ("/orders/a&b=c/summary", "/api/orders/a&b=c", "/api/payments?order=a%26b%3Dc"),
        ("/orders/7/summary?view=a%26b%3D1", "/api/orders/7", "/api/payments?order=7&view=a%26b%3D1"),
        ("/orders/7/summary?view=a+b%2F%2E", "/api/orders/7", "/api/payments?order=7&view=a%20b%2F."),
        ("/orders/7/summary?other=1", "/api/orders/7", "/api/payments?order=7"),
    ],
)
def test_a_value_of_the_client_stays_where_its_place_is(world, target, order, payment):
    world.client().sends(get(target))
    assert read(asked(world, ORDER).received).first == f"GET {order} HTTP/1.1"
    assert read(asked(world, PAYMENT).received).first == f"GET {payment} HTTP/1.1"


def test_a_segment_that_some_servers_read_as_two_is_refused():
    with opened(listen=", allow_encoded_slash: true") as world:
        client = world.client()
        client.sends(get("/orders/..%2Fadmin/summary"))
        got = read(client.received)
        assert (got.status, got.outcome) == (400, "bad_request")
        assert world.upstreams == []


def test_head_gets_the_same_head_and_parts_are_asked_with_get(world):
    whole, headed = world.client(), world.client()
    for client, sent in ((whole, get("/orders/7/summary")), (headed, request("HEAD /orders/7/summary"))):
        client.sends(sent)
        assert read(asked(world, ORDER).take()).first.startswith("GET ")
        for port in (ORDER, PAYMENT, STOCK):
            says(world, port, b'{"a": 1}')

    def plain(message: Message) -> list[tuple[str, str]]:
        return [(name, value) for name, value in message.fields if name != "X-Request-Id"]

    assert plain(read(headed.received)) == plain(read(whole.received))
    assert read(headed.received).body == b""


def test_an_optional_part_that_failed_is_its_default_and_named(world):
    client = world.client()
    client.sends(get("/orders/7/summary"))
    says(world, ORDER, b"{}")
    says(world, PAYMENT, b"oops", "500 Internal Server Error")
    asked(world, STOCK).vanishes()
    got = read(client.received)
    assert got.status == 200
    assert json.loads(got.body) == {
        "order": {}, "payment": None, "stock": [],
        "_errors": {"payment": {"status": 500, "code": "http_error"}, "stock": {"status": 502, "code": "reset"}},
    }  # fmt: skip
    assert got.value("x-partial") == "payment;500, stock;502"
    assert got.value("cache-control") == "no-store"
    assert parts(world) == {("order", "ok"): 1, ("payment", "http_error"): 1, ("stock", "reset"): 1}


@pytest.mark.parametrize(
    ("body", "lines", "code"),
    [
        (b"<html>", (), "not_json"),
        (b'{"a": NaN}', (), "not_json"),
        (b"{}", ("Content-Encoding: gzip",), "not_json"),
        (b"[" * 65 + b"]" * 65, (), "too_deep"),
        (b'"' + b"x" * 1024 * 1024 + b'"', (), "too_large"),
    ],
)
def test_a_part_that_cannot_be_mounted_failed(world, body, lines, code):
    client = world.client()
    client.sends(get("/orders/7/summary"))
    says(world, ORDER, b"{}")
    says(world, STOCK, b"[]")
    says(world, PAYMENT, body, "200 OK", *lines)
    assert errors(client) == {"payment": {"status": 502, "code": code}}


def test_a_part_of_exactly_a_mebibyte_is_taken(world):
    client = world.client()
    client.sends(get("/orders/7/summary"))
    says(world, ORDER, b"{}")
    says(world, STOCK, b"[]")
    says(world, PAYMENT, b'"' + b"x" * (1024 * 1024 - 2) + b'"')
    assert read(client.received).value("x-partial") is None


def test_no_more_of_a_part_is_read_than_may_be_mounted(world):
    world.client().sends(get("/orders/7/summary"))
    endless = asked(world, PAYMENT)
    endless.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(17):
        endless.sends(b"10000\r\n" + b"1" * 0x10000 + b"\r\n")
    assert endless.aborted
    assert parts(world) == {("payment", "too_large"): 1}


def test_a_part_has_its_own_time_or_that_of_its_upstream(world):
    client = world.client()
    client.sends(get("/orders/7/summary"))
    says(world, ORDER, b"{}")
    says(world, STOCK, b"[]")
    world.passes(4.9)
    assert client.received == b""
    world.passes(0.2)
    assert errors(client) == {"payment": {"status": 504, "code": "timeout"}}
    assert asked(world, PAYMENT).aborted


def test_the_time_of_a_part_is_for_its_body_too(world):
    client = world.client()
    client.sends(get("/orders/7/summary"))
    says(world, ORDER, b"{}")
    says(world, STOCK, b"[]")
    asked(world, PAYMENT).sends(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[")
    for _ in range(6):
        world.passes(0.9)
        asked(world, PAYMENT).sends(b"1")
    assert errors(client) == {"payment": {"status": 504, "code": "timeout"}}


def test_a_required_part_that_is_late_is_504_and_ends_the_others(world):
    client = world.client()
    client.sends(get("/orders/7/summary"))
    world.passes(2.1)
    got = read(client.received)
    assert (got.status, got.outcome) == (504, "part_timeout")
    assert asked(world, PAYMENT).aborted
    assert asked(world, STOCK).aborted
    assert parts(world) == {("order", "timeout"): 1, ("payment", "cancelled"): 1, ("stock", "cancelled"): 1}


@pytest.mark.parametrize("status", ["401 X", "403 X", "404 X", "410 X", "429 X"])
def test_what_a_required_part_says_of_client_or_resource_is_the_answer_at_once(world, status):
    client = world.client()
    client.sends(get("/orders/7/summary"))
    says(world, ORDER, b'{"why": 1}', status, "Retry-After: 3", "Set-Cookie: s=1", "WWW-Authenticate: Bearer")
    got = read(client.received)
    assert (got.status, got.body) == (int(status[:3]), b'{"why": 1}')
    assert (got.value("retry-after"), got.value("www-authenticate")) == ("3", "Bearer")
    assert got.value("set-cookie") is None
    assert asked(world, PAYMENT).aborted


@pytest.mark.parametrize("status", ["500 X", "503 X", "302 X", "418 X"])
def test_any_other_failure_of_a_required_part_is_502(world, status):
    client = world.client()
    client.sends(get("/orders/7/summary"))
    says(world, ORDER, b"secret words of an upstream", status)
    got = read(client.received)
    assert (got.status, got.outcome) == (502, "part_failed")
    assert b"secret" not in got.body


def test_a_client_that_leaves_ends_all_parts(world):
    client = world.client()
    client.sends(get("/orders/7/summary"))
    client.vanishes()
    assert [one.aborted for one in world.upstreams] == [True, True, True]
    assert parts(world) == {(name, "cancelled"): 1 for name in ("order", "payment", "stock")}
    assert [line["status"] for line in world.logged()] == [499]


def test_a_part_whose_upstream_is_left_alone_is_not_asked():
    breaker = ", breaker: { min_requests: 1, try_again_after: 60s }"
    with opened(orders=breaker) as world:
        world.client().sends(get("/orders/7/summary"))
        asked(world, ORDER).vanishes()
        client = world.client()
        client.sends(get("/orders/7/summary"))
        got = read(client.received)
        assert (got.status, got.outcome) == (502, "part_failed")
        assert json.loads(got.body)["detail"] == "the part order failed: breaker_open"
        assert [port for _, port in world.network.asked].count(ORDER) == 1


def test_the_time_of_a_part_counts_against_its_upstream():
    breaker = ", breaker: { min_requests: 1, try_again_after: 60s }"
    with opened(orders=breaker) as world:
        for _ in range(2):
            world.client().sends(get("/orders/7/summary"))
            world.passes(2.1)
        assert parts(world)["order", "timeout"] == 1
        assert parts(world)["order", "breaker_open"] == 1


def test_a_part_is_asked_again_as_its_upstream_allows():
    with opened(orders=", retry: { attempts: 2, backoff: 0s }") as world:
        client = world.client()
        client.sends(get("/orders/7/summary"))
        says(world, PAYMENT, b"1")
        says(world, STOCK, b"2")
        says(world, ORDER, b"", "503 X")
        says(world, ORDER, b"3")
        assert read(client.received).body == b'{"order":3,"payment":1,"stock":2}'


def test_whoever_comes_too_often_costs_no_part_anything():
    file = FILE.format(stage="cutover", listen="", orders="").replace(
        "    aggregate:", "    rate_limit: 1/m\n    aggregate:"
    )
    with World(load(file), compose=compose_parts) as world:
        world.client().sends(get("/orders/7/summary"))
        client = world.client()
        client.sends(get("/orders/7/summary"))
        assert (read(client.received).status, len(world.upstreams)) == (429, 3)


def test_a_body_of_the_client_goes_to_no_part(world):
    client = world.client()
    client.sends(request("GET /orders/7/summary", "Content-Length: 5", body=b"hello"))
    for port in (ORDER, PAYMENT, STOCK):
        assert read(asked(world, port).received).body == b""
        says(world, port, b"1")
    assert read(client.received).status == 200


def test_a_client_that_names_no_host_gets_its_answer(world):
    client = world.client()
    client.sends(b"GET /orders/7/summary HTTP/1.0\r\n\r\n")
    assert read(asked(world, ORDER).received).value("host") == "orders"
    for port in (ORDER, PAYMENT, STOCK):
        says(world, port, b"1")
    assert read(client.received).status == 200


def test_at_stage_legacy_the_monolith_answers():
    with opened(stage="legacy") as world:
        world.client().sends(get("/orders/7/summary"))
        assert world.network.asked == [("127.0.0.1", 8000)]


def test_a_trusted_caller_chooses_the_side_and_learns_why(world):
    client = world.client("127.0.0.1")
    client.sends(get("/orders/7/summary", "X-Strangler-Side: legacy"))
    assert world.network.asked == [("127.0.0.1", 8000)]
    client = world.client("127.0.0.1")
    client.sends(get("/orders/7/summary"))
    says(world, ORDER, b"", "404 X")
    decision = "route=summary;side=service;reason=stage;bucket=-"
    assert read(client.received).value("x-strangler-decision") == decision


def test_a_request_keeps_the_snapshot_it_began_with(world):
    client = world.client()
    client.sends(get("/orders/7/summary"))
    world.swaps(load(FILE.format(stage="legacy", listen="", orders="")))
    for port in (ORDER, PAYMENT, STOCK):
        says(world, port, b"1")
    assert read(client.received).status == 200
