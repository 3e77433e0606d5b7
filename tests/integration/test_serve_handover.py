"""Writes that wait on the wire while writing moves, and processes that die meanwhile."""

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.support.owning_upstream import TOKEN, Rows, both_sides
from tests.support.processes import PATIENCE_S
from tests.support.server import Server, serving, strangler

FILE = """\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0, drain_timeout: 60s }}
upstreams:
  monolith: {{ url: "{legacy}", sync: {{ path: /internal/sync, token: "${{INTERNAL_TOKEN}}" }} }}
  orders: {{ url: "{service}", sync: {{ path: /internal/sync, token: "${{INTERNAL_TOKEN}}" }} }}
defaults: {{ legacy: monolith, handover: {{ hold_timeout: {hold}, queue: {queue}, drain_timeout: 60s }} }}
routes:
  - name: place-order
    match: /orders/**
    to: orders
    stage: legacy
    group: checkout
    writes: {{ entities: [order] }}
"""
LONG, SHORT = "3m", "1s"


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[Rows, dict[str, str]]]:
    with both_sides() as made:
        yield made


@pytest.fixture(scope="module")
def running(
    sides: tuple[Rows, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, dict[str, str]]]:
    folder, urls = tmp_path_factory.mktemp("handover"), sides[1]
    text = FILE.format(**urls, hold=LONG, queue=40)
    with serving(folder, text, "--workers", "2", environ={"INTERNAL_TOKEN": TOKEN}) as server:
        yield server, urls


@pytest.fixture
def rows(sides: tuple[Rows, dict[str, str]]) -> Iterator[Rows]:
    sides[0].reset()
    yield sides[0]
    sides[0].open()
    while Client.opened:
        Client.opened.pop().close()


@pytest.fixture
def server(running: tuple[Server, dict[str, str]], rows: Rows) -> Server:
    return put(running)


def put(running: tuple[Server, dict[str, str]], hold: str = LONG, queue: int = 40) -> Server:
    """The server, whole, with the file it began with and another hold_timeout."""
    server, urls = running
    server.wait_until(lambda: len(server.workers()) == 2)
    server.file.write_text(FILE.format(**urls, hold=hold, queue=queue))
    assert server.reload().status == 200
    (server.folder / ".strangler" / "handovers.json").unlink(missing_ok=True)
    return server


@contextlib.contextmanager
def handing_over(server: Server, rows: Rows, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """`strangler handover`, which has got as far as the fence, and waits there until `rows.gate` is set."""
    rows.gate.clear()
    rows.fencing.clear()
    command = [*strangler(), "handover", "checkout", "--json", *options]
    process = subprocess.Popen(
        command, cwd=server.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    try:
        assert rows.fencing.wait(PATIENCE_S), "nobody was fenced"
        yield process
    finally:
        rows.open()
        process.communicate(timeout=PATIENCE_S)


def end_of(process: "subprocess.Popen[str]", rows: Rows) -> dict[str, object]:
    """Let it go on; how it ended."""
    rows.open()
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert output, errors
    found: dict[str, object] = json.loads(output.splitlines()[-1])
    return found


class Client:
    """A connection that speaks bytes; closed when the test ends."""

    opened: ClassVar[list[socket.socket]] = []

    def __init__(self, server: Server) -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.public), timeout=PATIENCE_S)
        self.opened.append(self.sock)

    def sends(self, *pieces: bytes) -> "Client":
        for piece in pieces:
            self.sock.sendall(piece)
        return self

    def is_silent(self, seconds: float = 0.3) -> bool:
        self.sock.settimeout(seconds)
        try:
            return self.sock.recv(1) == b"nothing"
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(PATIENCE_S)

    def reads(self, *wanted: bytes) -> bytes:
        """Until all of it has come, in this order; or the end."""
        data, at = b"", 0
        for each in wanted:
            while (found := data.find(each, at)) < 0:
                piece = self.sock.recv(65536)
                if not piece:
                    raise AssertionError(f"{each!r} did not come: {data!r}")
                data += piece
            at = found + len(each)
        return data

    def leaves(self) -> None:
        self.sock.close()


def post(body: bytes, *lines: bytes) -> bytes:
    fields = b"".join(line + b"\r\n" for line in lines)
    return b"POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), fields, body)


GET = b"GET /orders/1 HTTP/1.1\r\nHost: shop\r\n\r\n"


def test_writes_wait_and_are_answered_by_the_side_that_owns_then(server: Server, rows: Rows) -> None:
    client, piped, eager, gone = (Client(server) for _ in range(4))
    piped.sends(GET).reads(b"200 OK", b"}")
    with handing_over(server, rows) as process:
        client.sends(post(b"one"))
        piped.sends(post(b"two") + GET)
        eager.sends(post(b"three", b"Expect: 100-continue").removesuffix(b"three"))
        gone.sends(post(b"four"))
        server.wait_until(lambda: server.metric("strangler_held") == 4)
        assert all(each.is_silent(0.1) for each in (client, piped, eager))
        Client(server).sends(GET).reads(b"200 OK", b"legacy")
        gone.leaves()
        server.wait_until(lambda: server.metric("strangler_held_total", outcome="client_gone") >= 1)
        end = end_of(process, rows)
    assert (end["ending"], end["held"]["released"]) == ("done", 3)  # type: ignore[index]
    client.reads(b"201 Created", b'"service"')
    piped.reads(b"201 Created", b'"service"', b"200 OK", b'"service"')
    eager.reads(b"100 Continue")
    eager.sends(b"three").reads(b"201 Created")
    assert (sorted(rows.written["service"]), rows.written["legacy"]) == (["one", "three", "two"], [])
    server.wait_until(lambda: server.metric("strangler_writes_total", entity="order", side="service") >= 3)
    assert server.metric("strangler_handovers_total", ending="done", to="cutover") >= 1
    assert "stage: cutover" in server.file.read_text()


def test_above_the_queue_writes_are_told_to_come_again_at_once(
    running: tuple[Server, dict[str, str]], rows: Rows
) -> None:
    server = put(running, queue=6)
    with handing_over(server, rows) as process:
        clients = [Client(server).sends(post(b"%d" % number)) for number in range(20)]
        refused = 20 - 6
        server.wait_until(lambda: server.metric("strangler_held_total", outcome="full") >= refused)
        assert end_of(process, rows)["ending"] == "done"
    answers = [client.reads(b"\r\n\r\n", b"}") for client in clients]
    assert sum(b" 201 " in answer for answer in answers) == len(rows.written["service"]) <= 6
    assert all(b"Retry-After: 1" in answer and b"hold_full" in answer for answer in answers if b" 201 " not in answer)


def test_a_side_that_does_not_stop_in_time_keeps_writing_and_who_waited_is_told_to_come_again(
    running: tuple[Server, dict[str, str]], rows: Rows
) -> None:
    server = put(running, hold=SHORT)
    rows.owning.clear()
    with handing_over(server, rows) as process:
        client = Client(server).sends(post(b"one"))
        assert b"hold_expired" in client.reads(b" 503 ", b"Retry-After: 1", b"hold_expired", b"}")
        end = end_of(process, rows)
    assert end["ending"] == "given_back"
    assert rows.owner == {"legacy": "legacy", "service": "legacy"}
    assert rows.written == {"legacy": [], "service": []}
    Client(server).sends(post(b"again")).reads(b"201 Created", b'"legacy"')


def test_a_worker_that_dies_while_it_holds_is_followed_by_one_that_holds(server: Server, rows: Rows) -> None:
    with handing_over(server, rows) as process:
        held = [Client(server).sends(post(b"held %d" % number)) for number in range(3)]
        server.wait_until(lambda: server.metric("strangler_held") == 3)
        before = {worker["pid"] for worker in server.workers()}
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        server.wait_until(lambda: len({worker["pid"] for worker in server.workers()} - before) == 2)
        for client in held:
            with pytest.raises((AssertionError, OSError)):
                client.reads(b"HTTP")
        later = Client(server).sends(post(b"later"))
        assert later.is_silent()
        assert end_of(process, rows)["ending"] == "done"
    later.reads(b"201 Created", b'"service"')
    assert rows.written == {"legacy": [], "service": ["later"]}


def test_a_control_process_that_dies_while_it_holds_is_followed_by_one_that_ends_it(server: Server, rows: Rows) -> None:
    control = server.control_pid()
    with handing_over(server, rows) as process:
        client = Client(server).sends(post(b"one"))
        server.wait_until(lambda: server.metric("strangler_held") == 1)
        os.kill(control, signal.SIGKILL)
        rows.gate.set()
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert "it takes up when it is back" in errors
    client.reads(b"201 Created", b'"legacy"')
    assert rows.owner == {"legacy": "legacy", "service": "legacy"}
    server.wait_for_log("handover_ended")
    assert json.loads((server.folder / ".strangler" / "handovers.json").read_text())["running"] == []
    assert server.cli("handover", "checkout", environ={"INTERNAL_TOKEN": TOKEN}).returncode == 0
    Client(server).sends(post(b"two")).reads(b"201 Created", b'"service"')


def test_it_says_what_would_move_and_what_speaks_against_it(server: Server, rows: Rows) -> None:
    environ = {"INTERNAL_TOKEN": TOKEN}
    said = server.cli("handover", "place-order", "--dry-run", environ=environ)
    assert said.returncode == 0, said.stderr
    assert "order to the services, as epoch" in said.stdout
    refused = server.cli("handover", "checkout", "--back", environ=environ)
    assert (refused.returncode, "written by the monolith already" in refused.stderr) == (4, True)
    assert server.cli("handover", "unknown", environ=environ).returncode == 2
    status = server.cli("status", environ=environ)
    assert "order      is written by the monolith" in status.stdout
    assert rows.epoch == {"legacy": 1, "service": 1}
    assert all(TOKEN not in text for text in (said.stdout, refused.stderr, status.stdout, server.process.output))
