import json
import logging

import pytest

from legacy_monolith.config.log import JsonFormatter, RequestContext

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def lines():
    class Sink(logging.Handler):
        def __init__(self) -> None:
            super().__init__()
            self.addFilter(RequestContext())
            self.setFormatter(JsonFormatter())
            self.lines: list[dict] = []

        def emit(self, record: logging.LogRecord) -> None:
            self.lines.append(json.loads(self.format(record)))

    sink, logger = Sink(), logging.getLogger("shop.request")
    logger.addHandler(sink)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield sink.lines
    logger.removeHandler(sink)
    logger.setLevel(level)


def test_the_line_of_a_request_carries_the_callers_ids_and_nothing_secret(client, lines):
    headers = {"X-Request-Id": "r-1", "traceparent": TRACE, "Authorization": "Bearer hush", "Cookie": "sessionid=hush"}
    client.get("/api/products?q=hush", headers=headers)
    (line,) = lines
    assert (line["request_id"], line["traceparent"]) == ("r-1", TRACE)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/products", 200)
    assert "hush" not in json.dumps(line)


def test_an_id_that_could_forge_a_line_is_replaced(client, lines):
    client.get("/api/products", headers={"X-Request-Id": 'x" , "status": "200', "traceparent": "nonsense"})
    (line,) = lines
    assert len(line["request_id"]) == 36
    assert "traceparent" not in line


def test_probes_are_not_worth_a_line(client, lines):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"ready": True}
    assert lines == []
