"""Composed answers by real processes, through the engine and through the ASGI application."""

import contextlib
import json
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.part_upstream import OK
from tests.support.processes import free_port, running, strangler
from tests.support.server import Answer, ask

ROUTES = """\
version: 1
listen: {{ public: 127.0.0.1:{public}, console: 127.0.0.1:{console} }}
upstreams:
  monolith: {{ url: "http://127.0.0.1:{parts}" }}
  service: {{ url: "http://127.0.0.1:{parts}", timeout: {{ response: 5m }} }}
  nobody: {{ url: "http://127.0.0.1:{nobody}" }}
defaults: {{ legacy: monolith }}
state: {folder}/state
routes:
  - name: composed
    match: GET /composed/{{order}}/{{payment}}
    aggregate:
      order: {{ from: service, get: "/answer/{{order}}", required: true }}
      payment: {{ from: service, get: "/answer/{{payment}}" }}
      stock: {{ from: nobody, get: /stock, default: [] }}
  - name: hurried
    match: GET /hurried/{{order}}/{{payment}}
    aggregate:
      order: {{ from: service, get: "/answer/{{order}}", required: true }}
      payment: {{ from: service, get: "/answer/{{payment}}", timeout: 1s }}
      stock: {{ from: nobody, get: /stock, default: [] }}
  - name: urgent
    match: GET /urgent/{{order}}/{{payment}}
    aggregate:
      order: {{ from: service, get: "/answer/{{order}}", required: true, timeout: 1s }}
      payment: {{ from: service, get: "/answer/{{payment}}" }}
"""
AT_ONCE_S = 60.0
"""Far less than the service may take, and more than a busy machine needs."""

STOCK_FAILED = {"status": 502, "code": "connect_error"}


class Side:
    """The proxy, and the upstream behind it."""

    def __init__(self, port: int, parts: int, console: int | None) -> None:
        self.port = port
        self.parts = parts
        self.console = console

    def get(self, target: str, method: str = "GET") -> Answer:
        return ask(self.port, target, method=method)

    @property
    def seen(self) -> dict[str, int]:
        seen: dict[str, int] = ask(self.parts, "/seen").json()
        return seen


@pytest.fixture(scope="module", params=["engine", "application"])
def side(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    folder = tmp_path_factory.mktemp(request.param)
    public, parts, console, nobody = (free_port() for _ in range(4))
    file = folder / "routes.yaml"
    file.write_text(ROUTES.format(public=public, console=console, parts=parts, nobody=nobody, folder=folder))
    engine: list[str | Path] = [*strangler(), "serve", "--config", file, "--workers", "1"]
    application: list[str | Path] = [sys.executable, "-m", "tests.conformance.serve_asgi", file, str(public), "600"]
    is_engine = request.param == "engine"
    with contextlib.ExitStack() as stack:
        upstream = [sys.executable, "-m", "tests.support.part_upstream", str(parts)]
        stack.enter_context(running(upstream, port=parts, log=folder / "parts.log"))
        command = engine if is_engine else application
        process = stack.enter_context(running(command, port=public, log=folder / "proxy.log"))
        if is_engine:
            process.wait_for_output('"ready"')
        yield Side(public, parts, console if is_engine else None)


def soon(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + AT_ONCE_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def partial(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    content: dict[str, Any] = answer.json()
    return content


def test_parts_are_mounted_byte_for_byte(side: Side) -> None:
    answer = side.get("/composed/ok/ok")
    assert answer.body.startswith(b'{"order":' + OK + b',"payment":' + OK + b',"stock":[],"_errors":')
    assert answer.headers["x-partial"] == "stock;502"
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["_errors"] == {"stock": STOCK_FAILED}


def test_a_part_that_never_answers_costs_its_time_and_no_more(side: Side) -> None:
    begun = time.monotonic()
    content = partial(side.get("/hurried/ok/stall"))
    assert 1.0 <= time.monotonic() - begun < AT_ONCE_S  # and not the upstream's
    assert content["payment"] is None
    assert content["_errors"] == {"payment": {"status": 504, "code": "timeout"}, "stock": STOCK_FAILED}


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("drip", 504, "timeout"),
        ("huge", 502, "too_large"),
        ("deep", 502, "too_deep"),
        ("html", 502, "not_json"),
        ("nan", 502, "not_json"),
        ("gzip", 502, "not_json"),
        ("reset", 502, "reset"),
        ("status-500", 500, "http_error"),
        ("status-404", 404, "http_error"),
    ],
)
def test_an_optional_part_that_failed_is_named(side: Side, how: str, status: int, code: str) -> None:
    answer = side.get(f"/{'hurried' if how == 'drip' else 'composed'}/ok/{how}")
    content = partial(answer)
    assert content["order"] == json.loads(OK)
    assert content["payment"] is None
    assert content["_errors"]["payment"] == {"status": status, "code": code}
    assert answer.headers["x-partial"] == f"payment;{status}, stock;502"


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429])
def test_what_a_required_part_says_is_passed_on_at_once(side: Side, status: int) -> None:
    begun = time.monotonic()
    answer = side.get(f"/composed/status-{status}/stall")
    assert time.monotonic() - begun < AT_ONCE_S  # the other part was not waited for
    assert (answer.status, answer.json()) == (status, {"said": f"status-{status}"})
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("how", "status", "kind"),
    [
        ("stall", 504, "part_timeout"),
        ("drip", 504, "part_timeout"),
        ("reset", 502, "part_failed"),
        ("html", 502, "part_failed"),
        ("huge", 502, "part_failed"),
        ("status-503", 502, "part_failed"),
    ],
)
def test_any_other_failure_of_a_required_part_is_a_problem(side: Side, how: str, status: int, kind: str) -> None:
    answer = side.get(f"/{'urgent' if status == 504 else 'composed'}/{how}/ok")
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:strangler:{kind}"
    assert "part order" in answer.json()["detail"]


def test_parts_that_are_not_wanted_any_more_are_left(side: Side) -> None:
    left = side.seen["left"]
    side.get("/composed/status-404/stall")
    soon(lambda: side.seen["left"] == left + 1)


def test_when_the_client_leaves_its_parts_are_left(side: Side) -> None:
    before = side.seen
    with socket.create_connection(("127.0.0.1", side.port)) as client:
        client.sendall(b"GET /composed/stall/ok HTTP/1.1\r\nHost: a\r\n\r\n")
        soon(lambda: side.seen["begun"] == before["begun"] + 2)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leave by a reset
        left = time.monotonic()
    soon(lambda: side.seen["left"] == before["left"] + 1)
    assert time.monotonic() - left < AT_ONCE_S  # not by the part's own time


def test_head_says_the_same_without_a_body(side: Side) -> None:
    whole, head = side.get("/composed/ok/ok"), side.get("/composed/ok/ok", method="HEAD")
    assert head.body == b""
    for name in ("content-type", "content-length", "cache-control", "x-partial"):
        assert head.headers[name] == whole.headers[name]


def test_another_method_goes_to_the_monolith(side: Side) -> None:
    begun = side.seen["begun"]
    with contextlib.suppress(OSError):
        side.get("/composed/ok/status-405", method="DELETE")
    assert side.seen["begun"] == begun + 1


@pytest.mark.parametrize("side", ["engine"], indirect=True)  # the application has no console
def test_parts_are_counted(side: Side) -> None:
    assert side.console is not None
    side.get("/composed/ok/html")
    sample = 'strangler_aggregate_parts_total{outcome="not_json",part="payment",route="composed"}'
    console = side.console
    soon(lambda: sample in ask(console, "/metrics").body.decode())
