import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from extracted_services.chassis.logs import JsonFormatter
from extracted_services.chassis.web.observation import Observation

pytestmark = pytest.mark.anyio
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Log:
    """The log as it is written."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(JsonFormatter("notes"))

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    logger = logging.getLogger("request")
    level = logger.level
    logger.addHandler(log.handler)
    logger.setLevel(logging.INFO)
    yield log
    logger.removeHandler(log.handler)
    logger.setLevel(level)


async def test_a_line_tells_what_was_asked_and_answered_and_for_whom(api: httpx.AsyncClient, log: Log) -> None:
    headers = {
        "X-Request-Id": "req-1",
        "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
        "Authorization": "Bearer hunter2",
        "Cookie": "sessionid=hunter2",
    }
    await api.get("/api/nothing?token=hunter2", headers=headers)

    [line] = log.lines
    assert line["duration_ms"] >= 0
    assert line["time"].endswith("Z")
    told = {key: line[key] for key in ("method", "path", "status", "request_id", "trace_id", "level")}
    assert told == {
        "method": "GET",
        "path": "/api/nothing",
        "status": 404,
        "request_id": "req-1",
        "trace_id": TRACE,
        "level": "INFO",
    }
    assert "hunter2" not in log.stream.getvalue()


async def test_probes_are_not_logged(api: httpx.AsyncClient, log: Log) -> None:
    await api.get("/healthz")

    assert log.lines == []


async def test_a_line_feed_in_a_path_does_not_start_a_line(api: httpx.AsyncClient, log: Log) -> None:
    await api.get("/api/%0A%7B%22level%22%3A%22ERROR%22%7D")

    assert [line["status"] for line in log.lines] == [404]


async def test_an_unexpected_failure_is_answered_as_a_problem_and_logged_with_its_cause(log: Log) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError("hidden detail")

    transport = httpx.ASGITransport(Observation(broken))
    async with httpx.AsyncClient(transport=transport, base_url="http://notes.test") as client:
        answer = await client.get("/api/products")

    assert answer.json() == {
        "type": "urn:shop:internal-error",
        "title": "Internal error",
        "status": 500,
        "detail": "The request could not be completed",
    }
    assert "hidden detail" in log.lines[0]["exception"]
    assert log.lines[1]["status"] == 500
