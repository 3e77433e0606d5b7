"""The orders service as a process beside its neighbours: asked by customers, killed, and started again."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import create_engine, select

from extracted_services.chassis.settings import parse_database
from extracted_services.chassis.sync.tables import outbox
from extracted_services.contracts.envelope import Event, decode, to_document
from extracted_services.orders.tests.neighbours import TOKEN, Neighbours
from tests.support.processes import Process, free_port
from tests.support.tokens import issue

GOOD_CARD, BAD_CARD = "4242424242424242", "4000000000000002"
ADDRESS = {"name": "Alice Larsen", "street": "Mill Lane 1", "postcode": "1050", "city": "Copenhagen", "country": "DK"}
START_WITHIN_S, END_WITHIN_S = 120.0, 60.0
ANSWER_WITHIN_S = 90.0  # longer than a customer is made to wait
PATIENT, IMPATIENT = "30", "1"
"""ORDER_WAIT: for the end of an order however long it takes, and for a test that wants to see `pending`."""
INTERNAL = {"authorization": f"Bearer {TOKEN}"}


def new_order(*lines: tuple[str, int], card: str = GOOD_CARD) -> dict[str, Any]:
    return {
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
        "shipping_address": ADDRESS,
        "card": {"number": card},
    }


@dataclass
class Customer:
    """Somebody with a token; `role` is added to that of a customer."""

    http: httpx.Client
    role: str | None = None
    id: str = field(default_factory=lambda: str(uuid4()))

    def __post_init__(self) -> None:
        roles = ["customer", *([self.role] if self.role else [])]
        self._headers = {"authorization": f"Bearer {issue(self.id, *roles)}"}

    def at(self, service: "Service") -> "Customer":
        """The same person at another process."""
        return Customer(service.http, self.role, self.id)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path, headers=self._headers)

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        headers = {**self._headers, **({"idempotency-key": key} if key else {})}
        return self.http.post(path, json=body, headers=headers)

    def order(self, *lines: tuple[str, int], card: str = GOOD_CARD, key: str | None = None) -> httpx.Response:
        return self.post("/api/orders", new_order(*lines, card=card), key=key)

    def read(self, order_id: str) -> dict[str, Any]:
        answer = self.get(f"/api/orders/{order_id}")
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def listed(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get("/api/orders?limit=100").json()["items"]
        return items


class Service:
    """One process of the service on a database, which its next process finds as the last one left it."""

    def __init__(self, folder: Path, database_url: str, neighbours: Neighbours, **environment: str) -> None:
        self.folder, self.neighbours = folder, neighbours
        self.port = free_port()
        self.environment = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DATABASE_URL": database_url,
            "BROKER_URL": f"sqlite:///{folder / 'broker.db'}",
            "INTERNAL_TOKEN": TOKEN,
            "LEGACY_URL": neighbours.url,
            "SHOP_JWKS_URL": f"{neighbours.url}/.well-known/jwks.json",
            "PAYMENTS_URL": neighbours.url,
            "INVENTORY_URL": neighbours.url,
            "ORDER_WAIT": PATIENT,
            "PYTHONWARNINGS": "error",
            **environment,
        }
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=ANSWER_WITHIN_S, trust_env=False)
        self.process: Process | None = None
        self._starts = 0

    def start(self) -> None:
        self._starts += 1
        log = self.folder / f"orders-{self.port}-{self._starts}.log"
        self.process = Process.start([sys.executable, "-m", "extracted_services.orders"], log=log, env=self.environment)
        self.process.wait_for_port(self.port, within=START_WITHIN_S)
        assert self.http.get("/healthz", timeout=START_WITHIN_S).status_code == 200  # waits for the end of the start

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(within=END_WITHIN_S)

    def stop(self) -> int:
        assert self.process is not None
        return self.process.stop(within=END_WITHIN_S)

    def own(self) -> None:
        self._move("own")

    def fence(self) -> None:
        self._move("fence")

    def _move(self, verb: str) -> None:
        epoch = self.http.get("/internal/sync", headers=INTERNAL).json()["entities"]["order"]["epoch"]
        body = {"entities": ["order"], "epoch": epoch + 1}
        answer = self.http.post(f"/internal/sync/{verb}", json=body, headers=INTERNAL)
        assert answer.status_code == 200, answer.text

    def take_from_monolith(self, event: Event) -> dict[str, int]:
        """What the monolith tells, as a backfill brings it; the decisions made."""
        answer = self.http.post("/internal/sync/import", json={"events": [to_document(event)]}, headers=INTERNAL)
        assert answer.status_code == 200, answer.text
        return {name: count for name, count in answer.json()["decisions"].items() if count}

    def customer(self, role: str | None = None) -> Customer:
        return Customer(self.http, role)

    def sagas(self, order_id: str) -> dict[str, dict[str, Any]]:
        """By name."""
        items = self.http.get("/internal/sagas?limit=100", headers=INTERNAL).json()["items"]
        return {saga["name"]: saga for saga in items if saga["order_id"] == order_id}

    def events(self, order_id: str | None = None) -> list[Event]:
        """What the service has told of an order, or of all, in the order in which it was told."""
        engine = create_engine(parse_database(self.environment["DATABASE_URL"]).set(drivername=self._driver))
        with engine.connect() as connection:
            values = connection.execute(select(outbox.c.value).order_by(outbox.c.id)).scalars().all()
        engine.dispose()
        told = [decode(value) for value in values]
        return [event for event in told if order_id in (None, event.aggregate_id)]

    @property
    def _driver(self) -> str:
        return "sqlite" if self.environment["DATABASE_URL"].startswith("sqlite") else "postgresql+psycopg"

    @property
    def output(self) -> str:
        return "".join(file.read_text() for file in sorted(self.folder.glob(f"orders-{self.port}-*.log")))


def eventually(holds: Callable[[], Any], *, within: float = 60.0) -> Any:
    """What `holds` returns once that is true. Fails with what it returned last."""
    until = time.monotonic() + within
    while not (found := holds()):
        assert time.monotonic() < until, f"still not so after {within} s: {found!r}"
        time.sleep(0.02)
    return found


@contextmanager
def open_service(folder: Path, database_url: str, neighbours: Neighbours, **environment: str) -> Iterator[Service]:
    """Running, and writing orders."""
    service = Service(folder, database_url, neighbours, **environment)
    try:
        service.start()
        service.own()
        yield service
    finally:
        if service.process is not None:
            service.stop()
        service.http.close()
