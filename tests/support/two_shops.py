"""Two small systems with the same interface, for tests of what compares them. Each makes its own ids and tokens."""

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from tests.support.processes import PATIENCE_S

TOKEN = "token-of-{}-4f1c9a77d0"


@dataclass
class Shop:
    """One of the two. `asked` is shared between them: who was asked what, in order."""

    name: str
    asked: list[str]
    meeting: threading.Barrier
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def token(self) -> str:
        return TOKEN.format(self.name)

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any, dict[str, str]]:
        url = urlsplit(target)
        self.asked.append(f"{self.name} {method} {url.path}")
        match method, url.path.split("/")[1:]:
            case "POST", ["login"]:
                cookies = {"Set-Cookie": f"session={self.token}; Path=/; HttpOnly"}
                return 200, {"access_token": self.token, "expires": 900}, cookies
            case "GET", ["me"]:
                known = headers.get("Authorization") == f"Bearer {self.token}"
                known = known or f"session={self.token}" in headers.get("Cookie", "")
                return (200, {"name": "alice"}, {}) if known else (401, {"type": "who-are-you"}, {})
            case "POST", ["orders"]:
                number = next(self.numbers)
                made = str(UUID(int=number + (1 << 70 if self.name == "service" else 1 << 100)))
                self.orders[made] = {"id": made, "number": number + (10 if self.name == "service" else 0), "lines": []}
                if headers.get("Content-Type", "").startswith("multipart/"):
                    self.orders[made]["size"] = len(body)
                else:
                    self.orders[made] |= json.loads(body or b"{}")
                return 201, self.orders[made], {"Location": f"/orders/{made}"}
            case "GET", ["orders", made] if made in self.orders:
                return 200, self.orders[made], {}
            case "GET", ["orders"]:
                asked = parse_qs(url.query)
                found = [order for order in self.orders.values() if order["id"] in asked.get("id", [order["id"]])]
                return 200, {"items": found, "next": f"{self.name}-2" if "after" not in asked else None}, {}
            case "GET", ["prices"]:
                prices = ["9.99", "5.00", "7.25"] if self.name == "legacy" else ["9.90", "5.00", "7.20"]
                items = [{"price": price, "token": self.token} for price in prices]
                return 200, {"items": items, "at": self.name}, {"Cache-Control": "no-cache"}
            case "GET", ["meet"]:
                self.meeting.wait(timeout=PATIENCE_S)  # 500, if the other side does not come while this one waits
                return 200, {}, {}
            case "GET", ["text"]:
                return 200, "plain", {}
            case _:
                return 404, {"type": "not-found"}, {}


@dataclass(frozen=True)
class TwoShops:
    """Their URLs, and what both were asked."""

    legacy: str
    service: str
    asked: list[str]


@contextmanager
def two_shops() -> Iterator[TwoShops]:
    asked: list[str] = []
    meeting = threading.Barrier(2)
    servers = [serving(Shop(name, asked, meeting)) for name in ("legacy", "service")]
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield TwoShops(*(f"http://127.0.0.1:{server.server_port}" for server in servers), asked)
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def serving(shop: Shop) -> _Server:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        of: ClassVar[Shop] = shop

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status, document, fields = self.of.answer(self.command, self.path, self.headers, body)
            except threading.BrokenBarrierError:
                status, document, fields = 500, {"type": "alone"}, {}
            text = document if isinstance(document, str) else json.dumps(document)
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/plain" if isinstance(document, str) else "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._answer
            raise AttributeError(name)

        def log_message(self, *_: object) -> None:
            """Nothing is to be said of a request."""

    return _Server(("127.0.0.1", 0), Handler)
