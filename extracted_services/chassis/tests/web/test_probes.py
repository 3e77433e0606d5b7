"""Readiness: every check is asked, each in its own words, none may keep the others waiting."""

import asyncio
import logging

import httpx
import pytest
from starlette.applications import Starlette

from extracted_services.chassis.database import DatabaseUnavailable
from extracted_services.chassis.schema import SchemaMismatch
from extracted_services.chassis.web.probes import Checks, NotReady, routes

pytestmark = pytest.mark.anyio


async def readyz(checks: Checks, seconds: float = 60.0) -> httpx.Response:
    transport = httpx.ASGITransport(Starlette(routes=routes(checks, seconds=seconds)))
    async with httpx.AsyncClient(transport=transport, base_url="http://notes.test") as client:
        return await client.get("/readyz")


async def fine() -> dict[str, int]:
    return {"lag": 3}


async def silent() -> None:
    return None


async def test_it_is_ready_when_all_checks_are_fine() -> None:
    answer = await readyz({"broker": fine, "database": silent})

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "ready": True,
        "checks": {"broker": {"problem": None, "lag": 3}, "database": {"problem": None}},
    }


async def test_every_problem_is_told_in_a_problem_document(caplog: pytest.LogCaptureFixture) -> None:
    async def away() -> None:
        raise DatabaseUnavailable("connection refused")

    async def old() -> None:
        raise SchemaMismatch("the database is at 0001, not 0002")

    async def empty() -> None:
        raise NotReady("never filled", {"finished": None})

    async def broken() -> None:
        raise ZeroDivisionError("hidden detail")

    with caplog.at_level(logging.ERROR, "probes"):
        answer = await readyz({"database": away, "schema": old, "filling": empty, "other": broken, "broker": fine})

    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.headers["retry-after"] == "5"
    told = answer.json()
    assert (told["type"], told["status"], told["ready"]) == ("urn:shop:unavailable", 503, False)
    assert told["detail"] == (
        "database: connection refused; schema: the database is at 0001, not 0002; "
        "filling: never filled; other: the check failed"
    )
    assert told["checks"]["filling"] == {"problem": "never filled", "finished": None}
    assert told["checks"]["broker"] == {"problem": None, "lag": 3}
    assert "hidden detail" in caplog.text


async def test_a_check_that_hangs_is_not_waited_for() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    answer = await readyz({"broker": hang, "database": silent}, seconds=0.05)

    assert answer.json()["checks"]["broker"] == {"problem": "no answer within 0.05 s"}
