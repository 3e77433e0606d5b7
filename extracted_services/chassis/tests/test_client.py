import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import respx

from extracted_services.chassis.client import (
    LONGEST_ANSWER_BYTES,
    Answered,
    Refused,
    Retries,
    ServiceClient,
    Timeouts,
    Unreachable,
)
from extracted_services.chassis.trace import current, start_trace

pytestmark = pytest.mark.anyio
URL = "http://payments.test"
QUICK = Retries(attempts=3, first=0.001, longest=0.002, jitter=0.001)


@pytest.fixture
def router() -> respx.Router:
    return respx.Router(assert_all_called=False)


def open_client(router: respx.Router, retries: Retries = QUICK, timeouts: Timeouts | None = None) -> ServiceClient:
    transport = httpx.MockTransport(router.async_handler)
    return ServiceClient(
        "payments", URL, token="s3cret", retries=retries, timeouts=timeouts or Timeouts(), transport=transport
    )


@pytest.fixture
async def client(router: respx.Router) -> AsyncIterator[ServiceClient]:
    async with open_client(router) as client:
        yield client


async def test_an_answer_is_its_json_value(client: ServiceClient, router: respx.Router) -> None:
    router.post(f"{URL}/internal/cards").respond(201, json={"reference": "tok_1"})

    outcome = await client.post("/internal/cards", {"number": "4242424242424242"})

    assert isinstance(outcome, Answered)
    assert (outcome.status, outcome.body) == (201, {"reference": "tok_1"})


async def test_a_request_shows_token_key_and_trace(client: ServiceClient, router: respx.Router) -> None:
    route = router.post(f"{URL}/internal/charges").respond(201, json={})
    trace = start_trace()
    token = current.set(trace)

    await client.post("/internal/charges", {"amount": 1}, key="saga-1:charge")

    current.reset(token)
    sent = route.calls.last.request
    assert sent.headers["authorization"] == "Bearer s3cret"
    assert sent.headers["idempotency-key"] == "saga-1:charge"
    assert sent.headers["traceparent"] == trace.traceparent
    assert sent.headers["x-request-id"] == trace.request_id
    assert json.loads(sent.content) == {"amount": 1}


async def test_a_refusal_carries_its_problem(client: ServiceClient, router: respx.Router) -> None:
    problem = {"type": "urn:shop:payment-declined", "title": "Payment declined", "status": 402, "detail": "…"}
    route = router.post(f"{URL}/internal/charges").respond(402, json=problem)

    outcome = await client.post("/internal/charges", {}, key="k")

    assert outcome == Refused(402, problem)
    assert isinstance(outcome, Refused)
    assert outcome.kind == "payment-declined"
    assert route.call_count == 1


async def test_a_refusal_without_a_problem_has_an_empty_one(client: ServiceClient, router: respx.Router) -> None:
    router.get(f"{URL}/nothing").respond(404, text="<html>")

    assert await client.get("/nothing") == Refused(404, {})


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_says_not_now_is_asked_again(client: ServiceClient, router: respx.Router, status: int) -> None:
    route = router.get(f"{URL}/api/products").mock(
        side_effect=[httpx.Response(status), httpx.Response(status), httpx.Response(200, json={"items": []})]
    )

    assert isinstance(await client.get("/api/products"), Answered)
    assert route.call_count == 3


async def test_after_the_last_try_it_is_unreachable(client: ServiceClient, router: respx.Router) -> None:
    route = router.get(f"{URL}/api/products").respond(503)

    assert await client.get("/api/products") == Unreachable("answered 503", may_be_done=True)
    assert route.call_count == QUICK.attempts


async def test_a_post_with_a_key_is_repeated_with_the_same_key(client: ServiceClient, router: respx.Router) -> None:
    route = router.post(f"{URL}/internal/charges").mock(
        side_effect=[httpx.ReadError("reset"), httpx.ReadTimeout("silent"), httpx.Response(201, json={})]
    )

    assert isinstance(await client.post("/internal/charges", {}, key="k"), Answered)
    assert [call.request.headers["idempotency-key"] for call in route.calls] == ["k", "k", "k"]


async def test_a_post_without_a_key_that_may_have_arrived_is_not_repeated(
    client: ServiceClient, router: respx.Router
) -> None:
    route = router.post(f"{URL}/internal/cards").mock(side_effect=httpx.ReadError("reset"))

    assert await client.post("/internal/cards", {}) == Unreachable("reset", may_be_done=True)
    assert route.call_count == 1


async def test_what_was_not_sent_is_sent_again(client: ServiceClient, router: respx.Router) -> None:
    route = router.post(f"{URL}/internal/cards").mock(side_effect=httpx.ConnectError("refused"))

    assert await client.post("/internal/cards", {}) == Unreachable("refused", may_be_done=False)
    assert route.call_count == QUICK.attempts


async def test_a_failure_of_the_service_itself_is_not_repeated(client: ServiceClient, router: respx.Router) -> None:
    route = router.get(f"{URL}/api/products").respond(500, json={"type": "urn:shop:internal-error"})

    assert await client.get("/api/products") == Refused(500, {"type": "urn:shop:internal-error"})
    assert route.call_count == 1


async def test_the_pause_is_at_least_what_the_service_asks_for_up_to_a_bound(router: respx.Router) -> None:
    router.get(f"{URL}/a").mock(
        side_effect=[httpx.Response(503, headers={"Retry-After": "600"}), httpx.Response(200, json={})]
    )
    retries = Retries(attempts=2, first=0.0001, longest=0.15, jitter=0)
    loop = asyncio.get_running_loop()

    async with open_client(router, retries) as client:
        began = loop.time()
        assert isinstance(await client.get("/a"), Answered)

    assert 0.14 <= loop.time() - began < 60


async def test_an_answer_that_takes_too_long_is_not_waited_for(router: respx.Router) -> None:
    async def never(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    router.post(f"{URL}/internal/charges").mock(side_effect=never)

    async with open_client(router, Retries(attempts=1), Timeouts(attempt=0.05)) as client:
        outcome = await client.post("/internal/charges", {}, key="k")

    assert outcome == Unreachable("no answer within 0.05 s", may_be_done=True)


async def test_all_tries_together_have_an_end(router: respx.Router) -> None:
    router.get(f"{URL}/a").respond(503)
    retries = Retries(attempts=100_000, first=0.01, longest=0.01, jitter=0)

    async with open_client(router, retries, Timeouts(whole=0.1)) as client:
        async with asyncio.timeout(60):
            assert await client.get("/a") == Unreachable("answered 503", may_be_done=True)


async def test_where_the_service_is_may_change_between_tries(router: respx.Router) -> None:
    addresses = iter(["http://gone.test", "http://here.test"])

    async def resolve() -> str:
        return next(addresses)

    router.get("http://gone.test/a").mock(side_effect=httpx.ConnectError("refused"))
    router.get("http://here.test/a").respond(200, json=1)
    transport = httpx.MockTransport(router.async_handler)

    async with ServiceClient("payments", resolve, token="t", retries=QUICK, transport=transport) as client:
        outcome = await client.get("/a")

    assert isinstance(outcome, Answered)
    assert outcome.body == 1


async def test_a_service_that_nobody_can_find_was_sent_nothing(router: respx.Router) -> None:
    async def resolve() -> str:
        raise LookupError("no address")

    transport = httpx.MockTransport(router.async_handler)
    async with ServiceClient("payments", resolve, token="t", retries=QUICK, transport=transport) as client:
        outcome = await client.post("/a")

    assert outcome == Unreachable("nobody knows where payments is: no address", may_be_done=False)


async def test_a_redirect_is_not_followed(client: ServiceClient, router: respx.Router) -> None:
    elsewhere = router.get("http://elsewhere.test/").respond(200, json={})
    router.get(f"{URL}/a").respond(302, headers={"Location": "http://elsewhere.test/"})

    assert await client.get("/a") == Refused(302, {})
    assert not elsewhere.called


async def test_a_success_that_is_no_json_is_no_answer(client: ServiceClient, router: respx.Router) -> None:
    router.get(f"{URL}/a").respond(200, text="<html>")

    assert await client.get("/a") == Unreachable("an answer that is not JSON", may_be_done=True)


async def test_an_answer_without_end_is_cut_off(client: ServiceClient, router: respx.Router) -> None:
    router.get(f"{URL}/a").respond(200, content=b"[" + b" " * LONGEST_ANSWER_BYTES + b"]")

    outcome = await client.get("/a")

    assert isinstance(outcome, Unreachable)
    assert "more than" in outcome.reason


async def test_a_service_that_keeps_failing_is_not_asked_for_a_while(router: respx.Router) -> None:
    route = router.get(f"{URL}/a").respond(500)

    async with open_client(router, Retries(attempts=1)) as client:
        outcomes = [await client.get("/a") for _ in range(21)]

    assert outcomes[19] == Refused(500, {})
    assert outcomes[20] == Unreachable("it has failed too often, and is left alone for a moment", may_be_done=False)
    assert route.call_count == 20
