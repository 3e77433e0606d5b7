"""Methods, tokens, roles: in the contract's order, with its headers."""

from typing import Any

import httpx
import pytest

from extracted_services.chassis.tests.web.conftest import INTERNAL_TOKEN
from tests.support.tokens import issue

pytestmark = pytest.mark.anyio
SUBJECT = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11"
NOTE = "/api/notes/019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b12"


def bearing(*roles: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue(SUBJECT, *roles)}"}


async def test_allow_names_what_is_served_head_with_get_and_options_last(api: httpx.AsyncClient) -> None:
    for path, allow in (
        ("/api/notes", "GET, HEAD, POST, OPTIONS"),
        (NOTE, "GET, HEAD, POST, OPTIONS"),
        ("/internal/locks", "POST, OPTIONS"),
    ):
        options = await api.options(path)
        assert (options.status_code, options.headers["allow"], options.content) == (204, allow, b"")
        refused = await api.request("DISPATCH", path)
        assert (refused.status_code, refused.headers["allow"]) == (405, allow)
        assert refused.json()["detail"] == f"Allowed here: {allow}"


async def test_head_is_get_without_its_body(api: httpx.AsyncClient) -> None:
    got, head = await api.get("/api/notes"), await api.head("/api/notes")

    assert (head.status_code, head.content, dict(head.headers)) == (200, b"", dict(got.headers))


async def test_the_method_is_judged_before_the_token_and_the_token_before_the_role(api: httpx.AsyncClient) -> None:
    assert (await api.put(NOTE)).status_code == 405
    assert (await api.post(NOTE)).status_code == 401
    refused = await api.post(NOTE, headers=bearing("customer"))
    assert (refused.status_code, refused.json()["detail"]) == (403, "This needs the role staff")
    assert (await api.post(NOTE, headers=bearing("customer", "staff"))).json() == {"by_staff": True}


async def test_the_role_is_judged_before_the_body(api: httpx.AsyncClient) -> None:
    assert (await api.post("/api/notes", content=b"{")).status_code == 401
    assert (await api.post("/api/notes", content=b"{", headers=bearing("robot"))).status_code == 403
    assert (await api.post("/api/notes", content=b"{", headers=bearing("customer"))).status_code == 415


async def test_what_was_made_has_a_location_and_its_maker(api: httpx.AsyncClient) -> None:
    made = await api.post("/api/notes", json="milk", headers=bearing("customer") | {"Idempotency-Key": "k-1"})

    assert (made.status_code, made.headers["location"]) == (201, "/api/notes/1")
    assert made.json() == {"note": "milk", "by": SUBJECT, "key": "k-1"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/notes/",
        "/api/notes%0A",
        f"{NOTE}/",
        NOTE.upper().replace("/API/NOTES", "/api/notes"),
        NOTE.replace("-", ""),
        f"{NOTE}%0A",
        "/api/notes/1",
    ],
)
async def test_what_is_not_written_like_a_path_of_ours_is_another_path(api: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "OPTIONS", "POST"):
        answer = await api.request(method, path)
        assert (answer.status_code, answer.json()["detail"]) == (404, "There is nothing at this path")


async def test_an_internal_path_asks_for_the_internal_token(api: httpx.AsyncClient) -> None:
    cases: list[tuple[Any, str]] = [
        ({}, "Send the internal token as a bearer token"),
        ({"Authorization": "Basic eDp5"}, "Send the internal token as a bearer token"),
        ({"Authorization": "Bearer wrong"}, "This is not the internal token"),
        ({"Authorization": "Bearer ü".encode()}, "This is not the internal token"),
        ({"Authorization": "Bearer "}, "This is not the internal token"),
        (bearing("customer", "staff"), "This is not the internal token"),
    ]
    for headers, detail in cases:
        refused = await api.post("/internal/locks", headers=headers)
        assert (refused.status_code, refused.json()["detail"]) == (401, detail)
        assert refused.headers["www-authenticate"].startswith('Bearer realm="internal"')


async def test_a_refusal_of_the_services_own_is_told_as_the_problem_it_stands_for(api: httpx.AsyncClient) -> None:
    answer = await api.post("/internal/locks", headers={"Authorization": f"Bearer {INTERNAL_TOKEN}"})

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:shop:conflict",
        "title": "Not possible in this state",
        "status": 409,
        "detail": "There is a lock on a note",
    }


async def test_a_database_that_is_away_is_a_problem_to_come_back_from(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/lost")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {
        "type": "urn:shop:unavailable",
        "title": "Not available",
        "status": 503,
        "detail": "Ask again in a few seconds",
    }
