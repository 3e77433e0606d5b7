"""Answers that we give ourselves: what they say, and what they leave behind."""

import json

import pytest

from tests.conformance.case import Gateway, assert_problem, ours, requires, wire

pytestmark = ours

OUTCOMES = {
    400: ("GET", "/a/../b", "/up"),
    405: ("TRACE", "", "/up"),
    502: ("GET", "", "/refusing"),
    504: ("GET", "", "/unreachable"),
}


@requires("RFC 9457 §3", "X-Request-Id")
@pytest.mark.parametrize("status", OUTCOMES)
async def test_error_is_a_problem_that_names_its_request(gateway: Gateway, status: int) -> None:
    method, suffix, via = OUTCOMES[status]
    answer = await gateway.ask(gateway.request(method, suffix, via=via))
    assert answer.status == status
    assert_problem(answer)
    assert answer.values("content-length") == [str(len(answer.body))]
    problem = json.loads(answer.body)
    assert set(problem) >= {"type", "title", "status", "request_id"}


@requires("RFC 9457 §5", "CWE-209")
@pytest.mark.parametrize("status", OUTCOMES)
async def test_error_tells_nothing_about_the_inside(gateway: Gateway, status: int) -> None:
    method, suffix, via = OUTCOMES[status]
    answer = await gateway.ask(gateway.request(method, suffix, "Cookie: secret", "Authorization: secret", via=via))
    said = answer.head.raw + answer.body
    assert b"secret" not in said
    assert b"Traceback" not in said
    assert b"Errno" not in said
    assert b"127.0.0.1" not in said


@requires("RFC 9110 §9.3.2")
async def test_error_to_head_has_no_body(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(gateway.request("HEAD", via="/refusing") + gateway.request())
    answer = await client.read_answer("HEAD")
    assert answer.status == 502
    assert (await client.read_answer()).body == b"ok"


@requires("RFC 9112 §9.3")
@pytest.mark.parametrize("via", ["/refusing", "/unreachable", "/gone"])
async def test_error_keeps_the_connection(gateway: Gateway, via: str) -> None:
    client = await gateway.connect()
    for _ in range(2):
        await client.send(gateway.request(via=via))
        assert (await client.read_answer()).status in (410, 502, 504)
    await client.send(gateway.request())
    assert (await client.read_answer()).status == 200


@requires("RFC 9112 §9.3", "0.CL desync")
@pytest.mark.parametrize("via", ["/refusing", "/gone"])
async def test_body_of_a_request_that_is_not_forwarded_is_no_request(gateway: Gateway, via: str) -> None:
    hidden = gateway.request("GET", "/hidden")
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", f"Content-Length: {len(hidden)}", body=hidden, via=via))
    assert (await client.read_answer()).status in (410, 502)
    await client.send(gateway.request("GET", "/next"))
    await client.read_answer()
    assert [received.target for received in gateway.upstream.requests] in ([], [gateway.target("/next")])


@requires("RFC 9112 §9.3")
async def test_large_body_of_a_request_that_is_not_forwarded_does_not_eat_the_answer(gateway: Gateway) -> None:
    body = bytes(900_000)
    raw = gateway.request("POST", "", f"Content-Length: {len(body)}", body=body, via="/refusing")
    answer = await gateway.ask(raw)
    assert answer.status == 502
    assert_problem(answer)


@wire
@requires("RFC 9112 §9.6")
async def test_error_that_ends_the_connection_says_so(gateway: Gateway) -> None:
    answer = await gateway.ask(gateway.request("GET", "", "X A: 1"))
    assert answer.status == 400
    assert answer.value("connection") == "close"


@wire
@requires("RFC 9112 §2.2")
async def test_error_to_an_http_1_0_client_is_readable(gateway: Gateway) -> None:
    answer = await gateway.ask(gateway.request(via="/refusing", version="HTTP/1.0"))
    assert answer.status == 502
    assert_problem(answer)


@requires("Internal endpoints")
@pytest.mark.parametrize("path", ["/internal", "/internal/", "/internal/sync", "/%69nternal/sync", "/internal/sync?x"])
async def test_internal_endpoints_do_not_exist_outside(gateway: Gateway, path: str) -> None:
    raw = gateway.raw(f"GET {path} HTTP/1.1\r\nHost: shop.example\r\nX-Case: {{token}}\r\n\r\n")
    await gateway.refuses(raw, 404)


@requires("RFC 9110 §15.5.11")
async def test_retired_route_is_gone(gateway: Gateway) -> None:
    answer = await gateway.ask(gateway.request(via="/gone"))
    assert answer.status == 410
    assert answer.complete
    assert answer.values("x-request-id")
    assert gateway.upstream.requests == []
