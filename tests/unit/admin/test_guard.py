"""Who may speak to the console."""

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from proxy.admin.guard import SECURITY_HEADERS, Bearer, Guard, host_check
from proxy.config.model import Address

LOOPBACK = Address("127.0.0.1", 8081)
EVERYWHERE = Address("0.0.0.0", 8081)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8081", "localhost:8081", "LOCALHOST", "[::1]:8081", "[::1]", "127.0.0.1:9999"]
)
def test_loopback_names_are_ours(host: str) -> None:
    assert host_check(LOOPBACK)(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8081",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "",
        "localhost:80@evil.example",
        "[::1",
        "[::1]x",
        "localhost:x",
        "::1",
    ],
)
def test_any_other_name_is_not(host: str) -> None:
    assert not host_check(LOOPBACK)(host)


def test_beyond_loopback_an_address_is_ours_and_a_name_only_when_configured() -> None:
    assert host_check(EVERYWHERE)("10.1.2.3:8081")
    assert host_check(EVERYWHERE)("[2001:db8::1]:8081")
    assert not host_check(EVERYWHERE)("console.example:8081")
    assert host_check(EVERYWHERE, ["Console.example ", ""])("console.example:8081")
    assert not host_check(EVERYWHERE, [""])("")


def ask(app: ASGIApp, path: str = "/x", **headers: str) -> httpx.Response:
    async def talk() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(talk())


OK = PlainTextResponse("in")


def test_a_foreign_host_is_refused_and_told_what_to_set() -> None:
    app = Guard(OK, host_check(LOOPBACK), frozenset({"/livez"}))
    refused = ask(app, host="evil.example")
    assert refused.status_code == 421
    assert refused.headers["content-type"] == "application/problem+json"
    assert "STRANGLER_CONSOLE_HOSTS" in refused.json()["detail"]
    assert ask(app).text == "in"
    assert ask(app, "/livez", host="evil.example").text == "in"


def test_every_answer_carries_the_security_headers() -> None:
    app = Guard(OK, host_check(LOOPBACK))
    for answer in (ask(app), ask(app, host="evil.example")):
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("value", ["Bearer s3cret", "bearer s3cret"])
def test_the_bearer_of_the_token_is_let_in(value: str) -> None:
    assert ask(Bearer(OK, "s3cret"), authorization=value).text == "in"


@pytest.mark.parametrize("value", ["Bearer s3cre", "Bearer s3crett", "Bearer", "Bearer ", "Basic s3cret", "s3cret", ""])
def test_anyone_else_is_asked_for_it(value: str) -> None:
    answer = ask(Bearer(OK, "s3cret"), authorization=value)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "s3cret" not in answer.text


@pytest.mark.parametrize("value", ["Bearer ", "Bearer None", ""])
def test_without_a_configured_token_nobody_is_let_in(value: str) -> None:
    assert ask(Bearer(OK, None), authorization=value).status_code == 401
