"""Streams and tunnels of a running server: which of them end after a rollback, and which go on."""

import contextlib
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import HELD_S, PATIENCE_S
from tests.support.server import NamedUpstream, Server, serving

PIECE = b"data: x\n\n"
PIECES = 8  # of a download, one each time it is told to go on
CHUNK = b"%x\r\n%b\r\n" % (len(PIECE), PIECE)


class _Streaming(BaseHTTPRequestHandler):
    """`/events` sends one event and waits; `/ws` echoes; `/file` sends a first piece, and the rest when released."""

    protocol_version = "HTTP/1.1"
    wbufsize = 0
    server: NamedUpstream

    def do_GET(self) -> None:
        self.close_connection = True
        kind = self.path.rpartition("/")[2]
        {"events": self._events, "ws": self._echo, "file": self._file}[kind]()

    def _events(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.wfile.write(CHUNK)
        self.server.release.wait(HELD_S)

    def _echo(self) -> None:
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        with contextlib.suppress(OSError):
            while data := self.connection.recv(100):
                self.connection.sendall(data)

    def _file(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (PIECES * len(PIECE)))
        self.wfile.write(PIECE)
        self.server.release.wait(HELD_S)
        self.wfile.write(PIECE * (PIECES - 1))

    def log_message(self, *_: Any) -> None:
        pass


class Client:
    """One connection with one request."""

    def __init__(self, port: int, path: str) -> None:
        upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n" if path.endswith("/ws") else ""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\n{upgrade}\r\n".encode())
        self.got = b""

    def read_until(self, wanted: bytes) -> None:
        while wanted not in self.got:
            data = self._socket.recv(4096)
            assert data, self.got
            self.got += data

    def echoes(self, text: bytes) -> bool:
        self._socket.sendall(text)
        self.read_until(text)
        return True

    def read_to_the_end(self) -> bytes:
        with contextlib.suppress(ConnectionResetError):
            while data := self._socket.recv(4096):
                self.got += data
        return self.got

    @property
    def silent(self) -> bool:
        """Whether it is open, and nothing more has come."""
        self._socket.setblocking(False)
        try:
            self._socket.recv(1)
        except BlockingIOError:
            return True
        finally:
            self._socket.settimeout(PATIENCE_S)
        return False

    def close(self) -> None:
        self._socket.close()


def text(monolith: str, service: str, drain: str) -> str:
    return f"""\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0, stream_drain: {drain} }}
upstreams:
  monolith: {{ url: "{monolith}" }}
  service: {{ url: "{service}" }}
defaults: {{ legacy: monolith }}
log: {{ access: errors }}
routes:
  - {{ name: live, match: /live/**, to: service, stage: cutover }}
"""


@contextlib.contextmanager
def shop(folder: Path, drain: str) -> Iterator[tuple[Server, NamedUpstream]]:
    monolith, service = NamedUpstream("monolith"), NamedUpstream("service")
    for each in (monolith, service):
        each.RequestHandlerClass = _Streaming
    with monolith.serving(), service.serving():
        try:
            with serving(folder, text(monolith.url, service.url, drain), "--workers", "1") as server:
                yield server, service
        finally:
            for each in (monolith, service):
                each.release.set()


@contextlib.contextmanager
def streams(port: int, place: str) -> Iterator[tuple[Client, Client, Client]]:
    """An event stream, a tunnel and a download, each begun."""
    events, tunnel, download = made = tuple(Client(port, f"{place}/{kind}") for kind in ("events", "ws", "file"))
    try:
        events.read_until(CHUNK)
        download.read_until(PIECE)
        tunnel.read_until(b"\r\n\r\n")
        assert tunnel.echoes(b"hello")
        yield events, tunnel, download
    finally:
        for each in made:
            each.close()


@pytest.mark.parametrize(("drain", "now"), [("1s", False), ("5m", True)], ids=["in time", "now"])
def test_after_a_rollback_streams_of_the_service_end_and_all_else_goes_on(
    tmp_path: Path, drain: str, *, now: bool
) -> None:
    with (
        shop(tmp_path, drain) as (server, service),
        streams(server.public, "/live") as (events, tunnel, download),
        streams(server.public, "/other") as (their_events, their_tunnel, their_download),
    ):
        moved = server.cli("rollback", "live", *(["--now"] if now else []))
        assert moved.returncode == 0, moved.stderr
        assert events.read_to_the_end().endswith(CHUNK), "broken off: no last chunk"
        assert tunnel.read_to_the_end().endswith(b"hello")
        assert their_tunnel.echoes(b"still here")
        assert their_events.silent
        assert their_download.silent
        assert download.silent
        service.release.set()
        download.read_until(PIECE * PIECES)
        with streams(server.public, "/live") as (again, _, _):
            assert again.silent
