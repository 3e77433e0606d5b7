"""Fields on their way through: what ends here, what is ours to say, and what is nobody's business but the ends'."""

import re

import pytest

from tests.conformance.case import Gateway, ours, requires, wire

ANSWER = b"HTTP/1.1 200 OK\r\n%s\r\nContent-Length: 2\r\n\r\nok"


HOP_BY_HOP = {
    "Connection": "Connection: close, X-Other",
    "Keep-Alive": "Keep-Alive: timeout=5",
    "Proxy-Connection": "Proxy-Connection: keep-alive",
    "TE": "TE: gzip",
    "Upgrade": "Upgrade: h2c",
    "HTTP2-Settings": "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
}


@requires("RFC 9110 §7.6.1", "RFC 9113 §3.1")
@pytest.mark.parametrize("name", HOP_BY_HOP)
async def test_connection_field_of_a_request_ends_here(gateway: Gateway, name: str) -> None:
    if not gateway.engine.ours and name not in ("Connection", "TE"):
        pytest.skip("peers pass what Connection does not name")
    connection = () if name in ("Connection", "Proxy-Connection") else (f"Connection: {name}",)
    _, received = await gateway.passes(gateway.request("GET", "", HOP_BY_HOP[name], *connection))
    if name == "Connection":
        assert "X-Other" not in str(received.value("connection"))
    else:
        assert not received.values(name)


@requires("RFC 9110 §7.6.1")
@pytest.mark.parametrize(
    "connection",
    [
        ("X-Private",),
        ("x-private",),
        ("close, X-Private",),
        (" , ,X-PRIVATE,",),
        ("keep-alive", "X-Private"),
        ("X-Private\t,foo",),
    ],
)
async def test_field_named_by_connection_ends_here(gateway: Gateway, connection: tuple[str, ...]) -> None:
    if gateway.engine.name == "nginx":
        pytest.skip("nginx ignores the names in Connection")
    fields = [f"Connection: {value}" for value in connection]
    _, received = await gateway.passes(gateway.request("GET", "", "X-Private: 1", *fields, "X-Public: 2"))
    assert not received.values("x-private")
    assert received.values("x-public") == ["2"]
    assert "private" not in str(received.value("connection")).lower()


@requires("RFC 9110 §10.1.4", "RFC 9110 §7.6.1")
async def test_te_is_forwarded_as_trailers_or_not_at_all(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request("GET", "", "TE: trailers, deflate;q=0.5", "Connection: TE"))
    assert str(received.value("te")).lower() in ("none", "trailers")


ESSENTIAL = [
    "Host",
    "Content-Length",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Request-Id",
    "Via",
    "traceparent",
]


@ours
@requires("RFC 9110 §7.6.1", "CVE-2024-45410", "CVE-2021-33197")
@pytest.mark.parametrize("name", ESSENTIAL)
async def test_connection_cannot_take_away_what_we_say(gateway: Gateway, name: str) -> None:
    """The client's names are removed first, then our own fields are set."""
    raw = gateway.request("POST", "", f"Connection: close, {name}", "Content-Length: 2", body=b"ab")
    _, received = await gateway.passes(raw)
    assert len(received.values(name)) == 1
    assert received.values("host") == ["shop.example"]
    assert received.body == b"ab"


@wire
@requires("RFC 9110 §7.6.1", "RFC 9112 §6.1")
async def test_connection_cannot_take_away_the_framing(gateway: Gateway) -> None:
    client = await gateway.connect()
    raw = gateway.request(
        "POST", "", "Transfer-Encoding: chunked", "Connection: Transfer-Encoding", body=b"2\r\nab\r\n0\r\n\r\n"
    )
    await client.send(raw)
    answer = await client.read_answer()
    assert answer.status in (200, 400), answer
    for received in gateway.upstream.requests:
        assert received.body == b"ab"


@requires("RFC 9110 §7.6.1")
async def test_connection_fields_of_an_answer_end_here(gateway: Gateway) -> None:
    connection = b"Connection: X-Private, keep-alive\r\nKeep-Alive: timeout=9\r\nProxy-Connection: x\r\n"
    gateway.upstream.answers(ANSWER % (connection + b"X-Private: secret\r\nX-Public: yes"))
    answer = await gateway.ask(gateway.request())
    assert answer.status == 200
    assert answer.values("x-public") == ["yes"]
    assert "private" not in str(answer.value("connection")).lower()
    if gateway.engine.ours:
        assert not answer.values("x-private")
        assert not answer.values("keep-alive")
        assert not answer.values("proxy-connection")


@ours
@requires("RFC 9110 §7.6.1")
async def test_upstream_cannot_take_away_what_we_say(gateway: Gateway) -> None:
    gateway.upstream.answers(ANSWER % b"Connection: X-Request-Id, Content-Length, Date")
    answer = await gateway.ask(gateway.request())
    assert (answer.status, answer.body) == (200, b"ok")
    assert len(answer.values("x-request-id")) == 1


@requires("RFC 9110 §7.6.1")
async def test_close_of_the_upstream_is_not_the_clients(gateway: Gateway) -> None:
    gateway.upstream.answers(ANSWER % b"Connection: close", then="close")
    client = await gateway.connect()
    await client.send(gateway.request() + gateway.request())
    assert (await client.read_answer()).status == 200
    assert (await client.read_answer()).status == 200


@requires("RFC 9110 §7.8", "RFC 9110 §15.5.22")
async def test_426_passes(gateway: Gateway) -> None:
    payload = b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.2\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nno"
    gateway.upstream.answers(payload)
    answer = await gateway.ask(gateway.request())
    assert (answer.status, answer.body) == (426, b"no")


@ours
@requires("RFC 9110 §7.6.3")
async def test_via_is_added(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request())
    assert received.values("via") == ["1.1 strangler"]


@ours
@requires("RFC 9110 §7.6.3")
async def test_via_is_added_behind_those_before(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request("GET", "", "Via: 1.0 fred, 1.1 cdn.example (x)"))
    assert str(received.value("via")).replace(", ", ",").split(",") == [
        "1.0 fred",
        "1.1 cdn.example (x)",
        "1.1 strangler",
    ]


@ours
@requires("X-Forwarded-*")
async def test_forwarding_fields_say_who_asked_what(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request(host="shop.example:8080"))
    assert received.values("x-forwarded-for") == ["127.0.0.1"]
    assert received.values("x-forwarded-proto") == ["http"]
    assert received.values("x-forwarded-host") == ["shop.example:8080"]
    assert received.values("x-forwarded-port") in (["8080"], [str(gateway.engine.port)])


SPOOFED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Server": "evil",
    "X-Forwarded-Ssl": "on",
    "X-Forwarded-User": "admin",
    "X-Real-IP": "6.6.6.6",
    "Forwarded": "for=6.6.6.6;proto=https;host=evil.example",
}


@ours
@requires("RFC 7239 §8.1", "X-Forwarded-*")
@pytest.mark.parametrize("name", SPOOFED)
async def test_forwarding_field_of_a_stranger_is_not_believed(gateway: Gateway, name: str) -> None:
    _, received = await gateway.passes(
        gateway.request("GET", "", f"{name}: {SPOOFED[name]}", f"{name.lower()}: {SPOOFED[name]}")
    )
    assert SPOOFED[name] not in received.values(name)
    assert len(received.values(name)) <= 1


FOLDED = ["X_Forwarded_For", "X-Forwarded_For", "x_forwarded-proto", "X.Forwarded.For", "X_Real_IP", "X_Request_Id",
          "X_Strangler_Side", "x-strangler_side", "Content_Length", "Transfer_Encoding"]  # fmt: skip


@ours
@requires("Names that fold in CGI and WSGI (RFC 3875 §4.1.18)")
@pytest.mark.parametrize("name", FOLDED)
async def test_name_that_folds_onto_ours_is_dropped(gateway: Gateway, name: str) -> None:
    _, received = await gateway.passes(gateway.request("GET", "", f"{name}: 6666", "X_Own: kept", "X.Own: kept"))
    assert name not in received.head.names
    assert received.values("x_own") == ["kept"], "other names with `_` are the ends' business"
    assert received.values("x.own") == ["kept"]


@ours
@requires("X-Forwarded-*", "RFC 7239 §5.2")
async def test_trusted_peer_is_believed_and_extended(trusting: Gateway) -> None:
    fields = [
        "X-Forwarded-For: 203.0.113.7, 10.1.2.3",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: www.shop.example",
    ]
    _, received = await trusting.passes(trusting.request("GET", "", *fields, "X-Forwarded-Port: 443"))
    assert received.values("x-forwarded-for") == ["203.0.113.7, 10.1.2.3, 127.0.0.1"]
    assert received.values("x-forwarded-proto") == ["https"]
    assert received.values("x-forwarded-host") == ["www.shop.example"]
    assert received.values("x-forwarded-port") == ["443"]


@ours
@requires("X-Forwarded-*")
async def test_trusted_peer_that_says_nothing_gets_ours(trusting: Gateway) -> None:
    _, received = await trusting.passes(trusting.request())
    assert received.values("x-forwarded-for") == ["127.0.0.1"]
    assert received.values("x-forwarded-proto") == ["http"]
    assert received.values("x-forwarded-host") == ["shop.example"]


@ours
@requires("X-Forwarded-*")
async def test_several_fields_of_a_trusted_peer_become_one_list(trusting: Gateway) -> None:
    fields = ["X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 10.1.2.3"]
    _, received = await trusting.passes(trusting.request("GET", "", *fields))
    assert str(received.value("x-forwarded-for")).replace(" ", "") == "203.0.113.7,10.1.2.3,127.0.0.1"


@ours
@requires("X-Request-Id")
async def test_request_id_is_on_the_answer_and_on_the_request(gateway: Gateway) -> None:
    ids = set()
    for _ in range(3):
        answer = await gateway.ask(gateway.request())
        assert len(answer.values("x-request-id")) == 1
        ids.add(answer.value("x-request-id"))
    assert len(ids) == 3
    assert {received.value("x-request-id") for received in gateway.upstream.requests} == ids


@ours
@requires("X-Request-Id")
async def test_answer_has_one_request_id_even_if_the_upstream_sets_its_own(gateway: Gateway) -> None:
    gateway.upstream.answers(ANSWER % b"X-Request-Id: theirs")
    answer = await gateway.ask(gateway.request())
    assert len(answer.values("x-request-id")) == 1


@ours
@requires("X-Request-Id", "CWE-117")
@pytest.mark.parametrize("value", ["a" * 2000, "x y\tz", "\xe9", "<script>", ""])
async def test_odd_request_id_of_a_client_is_not_taken_over(gateway: Gateway, value: str) -> None:
    answer, received = await gateway.passes(gateway.request("GET", "", f"X-Request-Id: {value}"))
    assert received.values("x-request-id") == answer.values("x-request-id") != [value]


@ours
@requires("Our own fields")
@pytest.mark.parametrize("name", ["X-Strangler-Side", "X-Strangler-Decision", "X-Strangler-Anything", "X-Shadow"])
async def test_our_own_fields_are_stripped_from_outside(gateway: Gateway, name: str) -> None:
    answer, received = await gateway.passes(gateway.request("GET", "", f"{name}: service"))
    assert not received.values(name)
    assert not answer.values("x-strangler-decision")


@ours
@requires("Our own fields")
async def test_our_own_fields_are_stripped_from_an_upstream(gateway: Gateway) -> None:
    gateway.upstream.answers(ANSWER % b"X-Strangler-Decision: forged\r\nX-Strangler-Other: forged")
    answer = await gateway.ask(gateway.request())
    assert not answer.values("x-strangler-decision")
    assert not answer.values("x-strangler-other")


@ours
@requires("Trusted callers")
async def test_trusted_caller_is_told_the_decision(trusting: Gateway) -> None:
    answer, _ = await trusting.passes(trusting.request(via="/service"))
    assert re.fullmatch(
        r"route=service;side=service;reason=stage;bucket=(-|\d+)", str(answer.value("x-strangler-decision"))
    )


@ours
@requires("Trusted callers")
async def test_trusted_caller_may_choose_the_side(trusting: Gateway) -> None:
    answer, received = await trusting.passes(trusting.request("GET", "", "X-Strangler-Side: legacy", via="/service"))
    assert "side=legacy;reason=override" in str(answer.value("x-strangler-decision"))
    assert not received.values("x-strangler-side")


@ours
@requires("RFC 9110 §7.6.2")
async def test_max_forwards_0_of_options_is_answered_here(gateway: Gateway) -> None:
    answer = await gateway.ask(gateway.request("OPTIONS", "", "Max-Forwards: 0"))
    assert answer.status in (200, 204), answer
    assert gateway.upstream.requests == []


@ours
@requires("RFC 9110 §7.6.2")
@pytest.mark.parametrize(("sent", "seen"), [("5", "4"), ("1", "0"), ("010", "9")])
async def test_max_forwards_of_options_is_counted_down(gateway: Gateway, sent: str, seen: str) -> None:
    _, received = await gateway.passes(gateway.request("OPTIONS", "", f"Max-Forwards: {sent}"))
    assert received.values("max-forwards") == [seen]


@requires("RFC 9110 §7.6.2")
@pytest.mark.parametrize("fields", [("GET", "Max-Forwards: 0"), ("OPTIONS", "Max-Forwards: many")])
async def test_max_forwards_elsewhere_does_no_harm(gateway: Gateway, fields: tuple[str, str]) -> None:
    method, field = fields
    answer = await gateway.ask(gateway.request(method, "", field))
    assert answer.status in ((200,) if method == "GET" else (200, 204, 400)), answer


@requires("RFC 9110 §5.3")
async def test_order_and_case_of_request_fields_are_kept(gateway: Gateway) -> None:
    fields = ["X-b: 1", "x-A: 2", "ACCEPT: */*", "X-b: 3", "cookie: a=1", "X-c: 4"]
    _, received = await gateway.passes(gateway.request("GET", "", *fields))
    names = [line.split(":")[0] for line in fields]
    assert [received.values(name) for name in ("x-a", "x-b", "x-c")] == [["2"], ["1", "3"], ["4"]]
    if gateway.engine.ours and gateway.engine.wire:  # ASGI lower-cases names (its specification says so)
        assert [name for name in received.head.names if name in names] == names


@requires("RFC 9110 §5.3")
async def test_order_and_case_of_answer_fields_are_kept(gateway: Gateway) -> None:
    fields = ["X-b: 1", "x-A: 2", "SERVER-TIMING: x", "X-b: 3", 'ETag: "1"', "X-c: 4"]
    gateway.upstream.answers(ANSWER % "\r\n".join(fields).encode())
    answer = await gateway.ask(gateway.request())
    assert [answer.values(name) for name in ("x-a", "x-b", "x-c")] == [["2"], ["1", "3"], ["4"]]
    names = [line.split(":")[0] for line in fields]
    if gateway.engine.ours and gateway.engine.wire:
        assert [name for name in answer.head.names if name in names] == names


@requires("RFC 6265 §3", "RFC 9110 §5.3")
async def test_set_cookie_fields_stay_apart_and_in_order(gateway: Gateway) -> None:
    cookies = ["a=1; Path=/", "b=2; Expires=Wed, 21 Oct 2035 07:28:00 GMT", "c=3", "a=4", 'd="x, y"']
    fields = [f"{'Set-Cookie' if number % 2 else 'set-cookie'}: {cookie}" for number, cookie in enumerate(cookies)]
    gateway.upstream.answers(ANSWER % "\r\nX-Mid: 1\r\n".join(fields).encode())
    answer = await gateway.ask(gateway.request())
    assert answer.values("set-cookie") == cookies
    assert answer.values("x-mid") == ["1"] * 4


@requires("RFC 6265 §5.4", "RFC 9113 §8.2.3")
async def test_cookie_fields_are_never_joined(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request("GET", "", "Cookie: a=1; b=2", "Cookie: c=3"))
    assert received.values("cookie") == ["a=1; b=2", "c=3"]


@requires("RFC 9110 §5.3")
async def test_repeated_request_fields_all_arrive(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request("GET", "", "X-A: 1", "X-A: 2", "Accept: a", "X-A: 1"))
    assert str(received.value("x-a")).replace(" ", "") == "1,2,1"


@requires("RFC 9110 §5.5")
async def test_bytes_above_127_pass_both_ways(gateway: Gateway) -> None:
    gateway.upstream.answers(
        b"HTTP/1.1 200 OK\r\nX-Latin: caf\xe9\r\nX-Utf: caf\xc3\xa9\r\nContent-Length: 2\r\n\r\nok"
    )
    answer = await gateway.ask(gateway.request("GET", "", "X-Latin: caf\xe9", "X-Utf: caf\xc3\xa9"))
    assert answer.values("x-latin") == ["caf\xe9"]
    assert answer.values("x-utf") == ["caf\xc3\xa9"]
    received = gateway.upstream.requests[0]
    assert received.values("x-latin") == ["caf\xe9"]
    assert received.values("x-utf") == ["caf\xc3\xa9"]


INVENTED_BY_CLIENT_LIBRARIES = [
    *("user-agent", "accept", "accept-encoding", "accept-language", "cookie", "content-type", "cache-control"),
    *("referer", "origin", "authorization", "transfer-encoding"),
]


@requires("RFC 9110 §7.6", "RFC 9110 §10.1.5")
async def test_nothing_is_invented_for_the_client(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request())
    assert [name for name in INVENTED_BY_CLIENT_LIBRARIES if received.values(name)] == []


REQUEST_FIELDS = [
    "Authorization: Bearer x.y.z",
    "Origin: https://shop.example",
    "Referer: https://shop.example/a?b",
    'If-None-Match: "a", W/"b"',
    "If-Modified-Since: Wed, 21 Oct 2015 07:28:00 GMT",
    "Accept: text/html;q=0.9, */*",
    "Accept-Encoding: gzip, br;q=0.5",
    "User-Agent: x/1 (y; z)",
    'Content-Type: multipart/form-data; boundary="a b"',
    "Cache-Control: no-cache",
    "Pragma: no-cache",
    "X-CSRFToken: t",
    "Sec-Fetch-Mode: cors",
    "DNT: 1",
    "Access-Control-Request-Method: PUT",
    "Priority: u=1",
    "baggage: a=b",
    "Idempotency-Key: k",
]


@requires("RFC 9110 §7.6", "RFC 9110 §11.6.2")
async def test_fields_of_the_ends_pass(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request("GET", "", *REQUEST_FIELDS))
    for field in REQUEST_FIELDS:
        name, _, value = field.partition(": ")
        assert received.values(name) == [value]


ANSWER_FIELDS = [
    "Date: Wed, 21 Oct 2015 07:28:00 GMT",
    "Server: gunicorn",
    "Content-Type: text/html; charset=utf-8",
    "Vary: Cookie, Accept",
    "Cache-Control: max-age=0",
    'ETag: W/"x"',
    "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT",
    'WWW-Authenticate: Basic realm="a, b"',
    "Strict-Transport-Security: max-age=1",
    "X-Frame-Options: DENY",
    "Content-Security-Policy: default-src 'self'",
    "Link: </a>; rel=x",
    "Retry-After: 5",
    "Allow: GET",
    "Age: 7",
    'Content-Disposition: attachment; filename="x.csv"',
    "Access-Control-Allow-Origin: *",
]


@requires("RFC 9110 §6.6.1", "RFC 9110 §10.2.4", "RFC 9110 §7.6")
async def test_fields_of_an_answer_pass(gateway: Gateway) -> None:
    """nginx replaces Date and Server."""
    gateway.upstream.answers(ANSWER % "\r\n".join(ANSWER_FIELDS).encode())
    answer = await gateway.ask(gateway.request())
    for field in ANSWER_FIELDS:
        name, _, value = field.partition(": ")
        assert answer.values(name) == [value] or (not gateway.engine.ours and name in ("Date", "Server"))


@requires("RFC 9110 §5.4")
async def test_long_values_pass_both_ways(gateway: Gateway) -> None:
    size = 16_000 if gateway.engine.ours else 3_000
    gateway.upstream.answers(ANSWER % (b"X-Long: " + b"v" * size))
    answer = await gateway.ask(gateway.request("GET", "", f"X-Long: {'w' * size}"))
    assert answer.values("x-long") == ["v" * size]
    assert gateway.upstream.requests[0].values("x-long") == ["w" * size]


TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


@ours
@requires("W3C Trace Context §2.2")
async def test_trace_is_started(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request())
    assert TRACEPARENT.fullmatch(str(received.value("traceparent")))


@ours
@requires("W3C Trace Context §2.2", "W3C Trace Context §2.3")
async def test_trace_is_continued(gateway: Gateway) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    _, received = await gateway.passes(gateway.request("GET", "", f"traceparent: {trace}", "tracestate: a=b,c=d"))
    seen = TRACEPARENT.fullmatch(str(received.value("traceparent")))
    assert seen
    assert seen[1] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert received.values("tracestate") == ["a=b,c=d"]


@ours
@requires("W3C Trace Context §2.2")
@pytest.mark.parametrize(
    "value",
    [
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-xyz-00f067aa0ba902b7-01",
        "",
        "ff-" + "1" * 32 + "-" + "2" * 16 + "-01",
    ],
)
async def test_invalid_trace_is_started_anew(gateway: Gateway, value: str) -> None:
    _, received = await gateway.passes(gateway.request("GET", "", f"traceparent: {value}"))
    seen = TRACEPARENT.fullmatch(str(received.value("traceparent")))
    assert seen
    assert received.value("traceparent") != value
