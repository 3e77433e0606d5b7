"""The other services in one thread of the test: they do what is asked under a key once, and misbehave on demand.

`script(act, …)` says how the next calls of an act end: `Lost` does it and hangs up, `Away` refuses with 503,
`Elsewhere` says not-owner. `hold(act)` lets a call be done, and its answer wait, until it is let go; so do the answers
to repetitions of that call.
"""

import json
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from tests.support.tokens import JWKS

TOKEN = "between-services"
DECLINED = "0002"
WITHIN_S = 60.0

Answer = tuple[int, Any]


class Fault(Enum):
    LOST = auto()
    AWAY = auto()
    ELSEWHERE = auto()


def problem(status: int, kind: str, detail: str, **more: Any) -> Answer:
    return status, {"type": f"urn:shop:{kind}", "title": kind, "status": status, "detail": detail, **more}


@dataclass
class Hold:
    """A call that was done, and is not answered yet. `key` is its own, once it has arrived."""

    key: str | None = None
    arrived: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        assert self.arrived.wait(WITHIN_S), "nobody called"


@dataclass
class Neighbours:
    """What stands in the other services' databases, and what they were asked."""

    url: str = ""
    stock: dict[str, int] = field(default_factory=dict)
    prices: dict[str, str] = field(default_factory=dict)
    reservations: dict[str, dict[str, Any]] = field(default_factory=dict)
    payments: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    _kept: dict[tuple[str, str], Answer] = field(default_factory=dict)
    _faults: defaultdict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    _always: dict[str, Fault] = field(default_factory=dict)
    _answers: dict[str, Answer] = field(default_factory=dict)
    _holds: dict[str, Hold] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sell(self, sku: str, *, on_hand: int, price: str = "14.90") -> str:
        self.stock[sku], self.prices[sku] = on_hand, price
        return sku

    def script(self, act: str, *faults: Fault) -> None:
        self._faults[act] += faults

    def script_answer(self, act: str, status: int, kind: str, where: str, message: str) -> None:
        """The next call of `act` is refused with that error, and nothing is done."""
        self._answers[act] = problem(status, kind, "", errors=[{"field": where, "message": message}])

    @contextmanager
    def always(self, act: str, fault: Fault) -> Iterator[None]:
        self._always[act] = fault
        try:
            yield
        finally:
            del self._always[act]

    @contextmanager
    def hold(self, act: str) -> Iterator[Hold]:
        hold = self._holds[act] = Hold()
        try:
            yield hold
        finally:
            self._holds.pop(act, None)
            hold.let_go.set()

    def of_order(self, order_id: str) -> tuple[list[str], list[str]]:
        """The statuses of the order's reservations and payments."""
        with self._lock:
            held = [item["status"] for item in self.reservations.values() if item["order_id"] == order_id]
            paid = [item["status"] for item in self.payments.values() if item["order_id"] == order_id]
        return held, paid

    def times(self, act: str) -> int:
        return sum(1 for name, _ in self.calls if name == act)

    def answer(self, method: str, target: str, key: str | None, document: Any) -> Answer | None:
        """None: hang up without an answer."""
        parts = urlsplit(target)
        for act, (wanted, form, do) in ACTS.items():
            found = re.fullmatch(form, parts.path)
            if found and wanted == method:
                return self._do(act, do, key, found.groups(), {**parse_qs(parts.query), "body": document})
        return problem(404, "not-found", f"There is nothing at {target}")

    def _do(
        self, act: str, do: "Callable[..., Answer]", key: str | None, named: tuple[str, ...], sent: dict[str, Any]
    ) -> Answer | None:
        with self._lock:
            self.calls.append((act, key or ""))
            fault = self._faults[act].pop(0) if self._faults[act] else self._always.get(act)
            if fault is Fault.AWAY:
                return problem(503, "unavailable", "Ask again in a few seconds")
            if fault is Fault.ELSEWHERE:
                return problem(409, "not-owner", "this is written elsewhere at the moment")
            if act in self._answers:
                return self._answers.pop(act)
            answer = self._kept.get((act, key)) if key else None
            if answer is None:
                answer = do(self, *named, sent)
                if key:
                    self._kept[act, key] = answer
            hold = self._find_hold(act, key)
        if hold is not None:
            hold.arrived.set()
            hold.let_go.wait(WITHIN_S)
        return None if fault is Fault.LOST else answer

    def _find_hold(self, act: str, key: str | None) -> Hold | None:
        hold = self._holds.get(act)
        if hold is None or hold.key not in (None, key):
            return None
        hold.key = key
        return hold

    def _show_product(self, sku: str, _sent: dict[str, Any]) -> Answer:
        if sku not in self.prices:
            return problem(404, "not-found", "There is no product with this SKU")
        price = {"amount": self.prices[sku], "currency": "EUR"}
        return 200, {"sku": sku, "name": f"The {sku.lower()}", "price": price}

    def _reserve(self, sent: dict[str, Any]) -> Answer:
        body = sent["body"]
        short = [
            {"field": f"lines[{place}].quantity", "message": f"is more than the {self.stock[line['sku']]} available"}
            for place, line in enumerate(body["lines"])
            if self.stock[line["sku"]] < line["quantity"]
        ]
        if short:
            return problem(409, "insufficient-stock", "short", errors=short)
        for line in body["lines"]:
            self.stock[line["sku"]] -= line["quantity"]
        return self._make(self.reservations, {**body, "status": "held"})

    def _commit(self, name: str, _sent: dict[str, Any]) -> Answer:
        if self.reservations[name]["status"] == "released":
            return problem(409, "conflict", "A released reservation cannot be committed")
        self.reservations[name]["status"] = "committed"
        return 200, self.reservations[name]

    def _release(self, name: str, _sent: dict[str, Any]) -> Answer:
        reservation = self.reservations[name]
        if reservation["status"] != "released":
            reservation["status"] = "released"
            for line in reservation["lines"]:
                self.stock[line["sku"]] += line["quantity"]
        return 200, reservation

    def expire(self, order_id: str) -> None:
        with self._lock:
            for reservation in list(self.reservations.values()):
                if reservation["order_id"] == order_id:
                    self._release(reservation["id"], {})

    def _take_card(self, sent: dict[str, Any]) -> Answer:
        number = sent["body"]["number"]
        return 201, {"reference": f"tok_{uuid4().hex}_{len(number):02d}_{number[-4:]}", "last4": number[-4:]}

    def _charge(self, sent: dict[str, Any]) -> Answer:
        body = sent["body"]
        is_declined = body["card_reference"].endswith(DECLINED)
        status, payment = self._make(self.payments, {**body, "status": "declined" if is_declined else "captured"})
        if is_declined:
            return problem(402, "payment-declined", "The card was declined", payment_id=payment["id"])
        return status, payment

    def _refund(self, name: str, _sent: dict[str, Any]) -> Answer:
        self.payments[name]["status"] = "refunded"
        return 200, self.payments[name]

    def _list(self, table: dict[str, dict[str, Any]], sent: dict[str, Any]) -> Answer:
        return 200, {"items": [item for item in table.values() if item["order_id"] == sent["order_id"][0]]}

    def _make(self, table: dict[str, dict[str, Any]], body: dict[str, Any]) -> Answer:
        item = {"id": str(uuid4()), **body}
        table[item["id"]] = item
        return 201, item


_ID = "([0-9a-f-]{36})"
ACTS: dict[str, tuple[str, str, Callable[..., Answer]]] = {
    "jwks": ("GET", "/.well-known/jwks.json", lambda shop, sent: (200, json.loads(JWKS))),
    "product": ("GET", "/api/products/([A-Z0-9-]+)", Neighbours._show_product),
    "reserve": ("POST", "/internal/reservations", Neighbours._reserve),
    "commit": ("POST", f"/internal/reservations/{_ID}/commit", Neighbours._commit),
    "release": ("POST", f"/internal/reservations/{_ID}/release", Neighbours._release),
    "reservations": ("GET", "/internal/reservations", lambda shop, sent: shop._list(shop.reservations, sent)),
    "card": ("POST", "/internal/cards", Neighbours._take_card),
    "charge": ("POST", "/internal/charges", Neighbours._charge),
    "refund": ("POST", f"/internal/charges/{_ID}/refund", Neighbours._refund),
    "payments": ("GET", "/internal/charges", lambda shop, sent: shop._list(shop.payments, sent)),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shop: Neighbours

    def _handle(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # whoever asked was killed
            self.close_connection = True
            return
        self.shop.seen.append(f"{self.path} {self.headers} {body!r}")
        if self.path.startswith("/internal/") and self.headers.get("authorization") != f"Bearer {TOKEN}":
            answer: Answer | None = problem(401, "unauthenticated", "This is not the internal token")
        else:
            document = json.loads(body) if body else None
            answer = self.shop.answer(self.command, self.path, self.headers.get("idempotency-key"), document)
        if answer is None:
            self.close_connection = True
            return
        raw = json.dumps(answer[1]).encode()
        self.send_response(answer[0])
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = _handle  # noqa: N815 - the names that http.server calls
    do_POST = _handle  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        """Nothing: the test sees `calls`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is nothing to report."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def open_neighbours() -> Iterator[Neighbours]:
    shop = Neighbours()
    handler = type("Handler", (_Handler,), {"shop": shop})
    server = _Server(("127.0.0.1", 0), handler)
    shop.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
