"""The issuer's public keys: fetched when needed, kept for when it is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import respx
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import open_engine, writing
from extracted_services.chassis.keys import (
    FRESH_SECONDS,
    PAUSE_SECONDS,
    IssuersKeys,
    KeysUnavailable,
    add_kept_keys,
    parse_keys,
)
from extracted_services.chassis.settings import parse_database
from tests.support.tokens import JWKS, KEY_ID

pytestmark = pytest.mark.anyio
URL = "http://shop.test/.well-known/jwks.json"
metadata = MetaData()
table = add_kept_keys(metadata)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(parse_database(database_url))
    async with writing(engine) as connection:
        await connection.run_sync(metadata.create_all)
    yield engine
    await engine.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer() -> respx.Router:
    return respx.Router(assert_all_called=False)


@pytest.fixture
async def open_keys(
    engine: AsyncEngine, issuer: respx.Router, clock: Clock
) -> AsyncIterator[Callable[[], IssuersKeys]]:
    """Each call is a service that was started anew on the same database."""
    opened: list[IssuersKeys] = []

    def start() -> IssuersKeys:
        opened.append(IssuersKeys(URL, engine, table, transport=httpx.MockTransport(issuer.async_handler), clock=clock))
        return opened[-1]

    yield start
    for keys in opened:
        await keys.aclose()


Open = Callable[[], IssuersKeys]


async def test_keys_are_fetched_once(open_keys: Open, issuer: respx.Router) -> None:
    route = issuer.get(URL).respond(200, text=JWKS)
    keys = open_keys()

    first = await keys.find(KEY_ID)

    assert first is not None
    assert await keys.find(KEY_ID) is first
    assert route.call_count == 1


async def test_the_first_requests_of_all_find_the_key_though_they_come_together(
    open_keys: Open, issuer: respx.Router
) -> None:
    issuer.get(URL).respond(200, text=JWKS)
    keys = open_keys()

    found = await asyncio.gather(*(keys.find(KEY_ID) for _ in range(50)))

    assert None not in found


async def test_a_service_that_is_started_while_the_issuer_is_away_knows_the_keys_of_before(
    open_keys: Open, issuer: respx.Router
) -> None:
    route = issuer.get(URL).respond(200, text=JWKS)
    await open_keys().find(KEY_ID)
    route.mock(side_effect=httpx.ConnectError("refused"))

    assert await open_keys().find(KEY_ID) is not None


async def test_while_nothing_is_known_nobody_can_be_told_from_anybody(open_keys: Open, issuer: respx.Router) -> None:
    issuer.get(URL).mock(side_effect=httpx.ConnectError("refused"))

    with pytest.raises(KeysUnavailable):
        await open_keys().find(KEY_ID)


async def test_the_issuer_is_found_again_by_itself(open_keys: Open, issuer: respx.Router, clock: Clock) -> None:
    route = issuer.get(URL).mock(side_effect=httpx.ConnectError("refused"))
    keys = open_keys()
    with pytest.raises(KeysUnavailable):
        await keys.find(KEY_ID)
    route.mock(side_effect=None, return_value=httpx.Response(200, text=JWKS))

    clock.seconds += PAUSE_SECONDS

    assert await keys.find(KEY_ID) is not None


async def test_invented_key_ids_cost_the_issuer_nothing(open_keys: Open, issuer: respx.Router, clock: Clock) -> None:
    route = issuer.get(URL).respond(200, text=JWKS)
    keys = open_keys()

    for number in range(50):
        assert await keys.find(f"invented-{number}") is None
    assert route.call_count == 1

    clock.seconds += PAUSE_SECONDS
    assert await keys.find("invented") is None
    assert route.call_count == 2


async def test_a_new_key_is_known_as_soon_as_it_is_used(open_keys: Open, issuer: respx.Router, clock: Clock) -> None:
    route = issuer.get(URL).respond(200, text='{"keys": []}')
    keys = open_keys()
    assert await keys.find(KEY_ID) is None
    route.respond(200, text=JWKS)

    clock.seconds += PAUSE_SECONDS

    assert await keys.find(KEY_ID) is not None


async def test_a_key_that_was_taken_back_is_forgotten_when_the_set_is_no_longer_fresh(
    open_keys: Open, issuer: respx.Router, clock: Clock
) -> None:
    route = issuer.get(URL).respond(200, text=JWKS)
    keys = open_keys()
    await keys.find(KEY_ID)
    route.respond(200, text='{"keys": []}')

    clock.seconds += FRESH_SECONDS
    await keys.find(KEY_ID)  # is answered with what is at hand, and has the set fetched
    await keys.settle()

    assert await keys.find(KEY_ID) is None


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(302, headers={"Location": "http://elsewhere.test/"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, text="[]"),
        httpx.Response(200, text='{"keys": [{"kid": "a", "kty": "OKP", "crv": "Ed25519", "x": "?"}]}'),
        httpx.Response(200, text=JWKS + " " * 70_000),
    ],
)
async def test_what_is_no_key_set_changes_nothing(
    open_keys: Open, issuer: respx.Router, clock: Clock, answer: httpx.Response
) -> None:
    route = issuer.get(URL).respond(200, text=JWKS)
    keys = open_keys()
    await keys.find(KEY_ID)
    route.mock(return_value=answer)

    clock.seconds += FRESH_SECONDS
    await keys.find(KEY_ID)
    await keys.settle()

    assert await keys.find(KEY_ID) is not None
    assert await open_keys().find(KEY_ID) is not None


def test_keys_of_other_kinds_are_left_out() -> None:
    others: list[Any] = [{"kty": "RSA", "kid": "r"}, {"kty": "OKP", "crv": "Ed25519"}, 7]
    document = JWKS.replace('{"keys": [', f'{{"keys": [{", ".join(map(repr, others))}, '.replace("'", '"'))

    assert list(parse_keys(document)) == [KEY_ID]
