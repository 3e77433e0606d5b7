"""A small shop with sessions: what it gives out (session, token, ids) is drawn anew at every start, and asked for."""

import contextlib
import json
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class SessionShop(ThreadingHTTPServer):
    """`POST /login` gives a session and a token; `POST /orders` an id; `GET /orders/ID` wants all three."""

    daemon_threads = True

    def __init__(self, currency: str = "EUR") -> None:
        self.currency = currency
        self.session, self.token = secrets.token_hex(12), secrets.token_hex(12)
        self.first_id = secrets.randbelow(1_000_000) + 1000
        self.orders: list[int] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @classmethod
    @contextlib.contextmanager
    def running(cls, currency: str = "EUR") -> Iterator[Self]:
        server = cls(currency)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: SessionShop

    def do_GET(self) -> None:
        shop = self.server
        if self.path == "/":
            self._tell(200, {"shop": "open", "currency": shop.currency})
        elif not self._is_known():
            self._tell(401, {"error": "who are you?"})
        elif self.path.rpartition("/")[2] in map(str, shop.orders):
            self._tell(200, {"status": "paid", "currency": shop.currency})
        else:
            self._tell(404, {"error": "no such order"})

    def do_POST(self) -> None:
        shop = self.server
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/login":
            self._tell(200, {"token": shop.token}, ("Set-Cookie", f"sessionid={shop.session}; Path=/; HttpOnly"))
        elif self._is_known():
            shop.orders.append(shop.first_id + len(shop.orders))
            self._tell(201, {"id": shop.orders[-1]})
        else:
            self._tell(401, {"error": "who are you?"})

    def _is_known(self) -> bool:
        return (
            f"sessionid={self.server.session}" in self.headers.get("Cookie", "")
            and self.headers.get("Authorization") == f"Bearer {self.server.token}"
        )

    def _tell(self, status: int, body: object, *fields: tuple[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(data))), *fields):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass
