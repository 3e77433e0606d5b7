"""An upstream that owns an entity or not, as a monolith or a service would: for handovers without a shop.

Its two sides share their rows, so that what one writes the other has heard at once. `gate` lets a fence wait, and
`owning` a call to own.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.processes import HELD_S

TOKEN = "of-the-owning-upstreams"


@dataclass
class Rows:
    """Of one entity, by side."""

    owner: dict[str, str] = field(default_factory=lambda: {"legacy": "legacy", "service": "legacy"})
    epoch: dict[str, int] = field(default_factory=lambda: {"legacy": 1, "service": 1})
    written: dict[str, list[str]] = field(default_factory=lambda: {"legacy": [], "service": []})
    lock: threading.Lock = field(default_factory=threading.Lock)
    gate: threading.Event = field(default_factory=threading.Event)
    owning: threading.Event = field(default_factory=threading.Event)
    fencing: threading.Event = field(default_factory=threading.Event)

    def reset(self) -> None:
        self.__init__()  # type: ignore[misc]
        self.open()

    def open(self) -> None:
        """Let everybody go on who waits."""
        self.gate.set()
        self.owning.set()

    def status(self, side: str) -> dict[str, Any]:
        other = "service" if side == "legacy" else "legacy"
        return {
            "owner": self.owner[side],
            "epoch": self.epoch[side],
            "outbox_last": len(self.written[side]),
            "unpublished": 0,
            "oldest_unpublished_seconds": 0.0,
            "applied_from_peer": len(self.written[other]),
            "conflicts": 0,
        }

    def move(self, side: str, owner: str, epoch: int) -> bool:
        """False when it comes too late."""
        with self.lock:
            late = epoch < self.epoch[side] or (epoch == self.epoch[side] and owner != self.owner[side])
            if not late:
                self.owner[side], self.epoch[side] = owner, epoch
            assert self.owner != {"legacy": "legacy", "service": "service"}, "both own it"
            return not late

    def write(self, side: str, what: str) -> bool:
        with self.lock:
            owns = self.owner[side] == side
            if owns:
                self.written[side].append(what)
            return owns


class OwningUpstream(ThreadingHTTPServer):
    """One side. Every POST but those of `sync` writes its body, if the side owns."""

    daemon_threads = True

    def __init__(self, side: str, rows: Rows) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.side = side
        self.rows = rows

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: OwningUpstream
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/internal/sync":
            self._answer(200, {"entities": {"order": self.server.rows.status(self.server.side)}})
        else:
            self._answer(200, {"side": self.server.side})

    def do_POST(self) -> None:
        rows, side = self.server.rows, self.server.side
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match self.path:
            case "/internal/sync/fence" | "/internal/sync/own":
                self._move(rows, side, self.path.rpartition("/")[2], json.loads(body)["epoch"])
            case _ if rows.write(side, body.decode()):
                self._answer(201, {"side": side})
            case _:
                self._answer(409, {"type": "urn:shop:not-owner"})

    def _move(self, rows: Rows, side: str, verb: str, epoch: int) -> None:
        assert self.headers["Authorization"] == f"Bearer {TOKEN}"
        other = "service" if side == "legacy" else "legacy"
        if verb == "fence":
            rows.fencing.set()
            rows.gate.wait(HELD_S)
        else:
            rows.owning.wait(HELD_S)
        if rows.move(side, side if verb == "own" else other, epoch):
            self._answer(200, {"entities": {"order": rows.status(side)}})
        else:
            self._answer(409, {"type": "urn:shop:stale-epoch", "detail": "somebody was faster"})

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # whoever asked has gone
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def both_sides() -> Iterator[tuple[Rows, dict[str, str]]]:
    """Their rows, and their URLs by side."""
    rows = Rows()
    rows.open()
    sides = {side: OwningUpstream(side, rows) for side in ("legacy", "service")}
    threads = [threading.Thread(target=each.serve_forever, args=(0.05,)) for each in sides.values()]
    for thread in threads:
        thread.start()
    try:
        yield rows, {side: each.url for side, each in sides.items()}
    finally:
        rows.open()
        for each in sides.values():
            each.shutdown()
            each.server_close()
        for thread in threads:
            thread.join()
