"""The end of a server, asked for in order."""

import http.client
import os
import pty
import select
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE_S, is_listening, strangler
from tests.support.server import NamedUpstream, Server, ask, routes_yaml, serving


@pytest.fixture
def upstream() -> Iterator[NamedUpstream]:
    with NamedUpstream.running("monolith") as monolith:
        yield monolith


def start_slow(server: Server, upstream: NamedUpstream) -> tuple[threading.Thread, list[int]]:
    """A request that the upstream holds until it is released; its status, or 0 when the connection broke."""
    statuses: list[int] = []

    def talk() -> None:
        try:
            statuses.append(ask(server.public, "/slow").status)
        except (OSError, http.client.HTTPException):
            statuses.append(0)

    thread = threading.Thread(target=talk)
    thread.start()
    assert upstream.asked.wait(PATIENCE_S)
    return thread, statuses


def test_a_request_under_way_is_answered_and_the_exit_code_is_zero(upstream: NamedUpstream, tmp_path: Path) -> None:
    with serving(tmp_path, routes_yaml(upstream.url, upstream.url), "--workers", "2") as server:
        thread, statuses = start_slow(server, upstream)
        server.process.send_signal(signal.SIGTERM)
        server.wait_until(lambda: not is_listening(server.public))
        assert server.readyz().status == 503
        upstream.release.set()
        thread.join(PATIENCE_S)
        assert statuses == [200]
        assert server.process.wait() == 0


def test_during_the_delay_readiness_is_gone_and_requests_are_served(upstream: NamedUpstream, tmp_path: Path) -> None:
    text = routes_yaml(upstream.url, upstream.url, extra=", drain_delay: 5m")
    with serving(tmp_path, text) as server:
        server.process.send_signal(signal.SIGTERM)
        server.wait_until(lambda: server.readyz().status == 503)
        assert ask(server.public, "/cart").status == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait() == 128 + signal.SIGTERM


def test_after_the_delay_the_server_ends(upstream: NamedUpstream, tmp_path: Path) -> None:
    text = routes_yaml(upstream.url, upstream.url, extra=", drain_delay: 100ms")
    with serving(tmp_path, text) as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait() == 0


def test_a_second_signal_does_not_wait(upstream: NamedUpstream, tmp_path: Path) -> None:
    with serving(tmp_path, routes_yaml(upstream.url, upstream.url)) as server:
        thread, statuses = start_slow(server, upstream)
        server.process.send_signal(signal.SIGINT)
        server.wait_for_log("drain")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(within=30) == 130  # and drain_timeout is twice that
        thread.join(PATIENCE_S)
        assert statuses == [0]


def test_nothing_is_left_behind_but_what_the_next_start_needs(upstream: NamedUpstream, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as short:  # a socket's path must be
        runtime = Path(short)
        environ = {"RUNTIME_DIRECTORY": short}
        with serving(tmp_path, routes_yaml(upstream.url, upstream.url), environ=environ) as server:
            (folder,) = runtime.iterdir()
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            token = server.token
            server.process.stop()
        assert list(runtime.iterdir()) == []
    assert {path.name for path in (tmp_path / ".strangler").iterdir()} == {"token", "pin.key", "handovers.lock"}
    assert token not in server.process.output


def test_a_state_folder_that_cannot_be_written_is_said_and_lets_nobody_in(
    upstream: NamedUpstream, tmp_path: Path
) -> None:
    (tmp_path / ".strangler").touch()
    with serving(tmp_path, routes_yaml(upstream.url, upstream.url)) as server:
        (warning,) = server.log("no_console_token")
        assert "STRANGLER_TOKEN" in warning["hint"]
        assert ask(server.public, "/cart").status == 200
        assert ask(server.console, "/api/v1/status", headers={"Authorization": "Bearer "}).status == 401


def test_closing_the_terminal_ends_the_server_instead_of_reloading_it(upstream: NamedUpstream, tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(routes_yaml(upstream.url, upstream.url))
    terminal, theirs = pty.openpty()
    command = ["setsid", "--ctty", *strangler(), "serve"]
    process = subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        output = b""
        while b'"event": "ready"' not in output:
            assert select.select([terminal], [], [], PATIENCE_S)[0], output
            output += os.read(terminal, 4096)
        os.close(terminal)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
