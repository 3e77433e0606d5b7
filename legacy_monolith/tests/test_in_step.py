"""The shop as a process, its bus beside it: what it does goes out, what services do comes in, whatever ends when."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured

from extracted_services.contracts.envelope import Event, decode, encode
from extracted_services.messaging.open import open_bus
from extracted_services.messaging.ports import Delivery, Message
from legacy_monolith.config.environment import read_environment

from .server import ANSWER_S, ROOT, RunningShop, clean_environment, free_port, run
from .shop import new_order

SMALL = ("--seed", "--products", "5", "--orders", "3", "--users", "4")
WAIT_S = 60
TOKEN = {"Authorization": "Bearer sesame"}


class Listener:
    """A service that only listens."""

    def __init__(self, url: str) -> None:
        self.events: list[Event] = []
        self._url, self._stop = url, threading.Event()
        self._heard = threading.Condition()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()))

    async def _listen(self) -> None:
        bus = open_bus(self._url, client="test")
        async with bus.subscribe(["order", "payment", "stock"], "listener", self._hear):
            await asyncio.to_thread(self._stop.wait)
        await bus.close()

    async def _hear(self, delivery: Delivery) -> None:
        with self._heard:
            self.events.append(decode(delivery.message.value))
            self._heard.notify_all()

    def wait(self, condition: Callable[[list[Event]], bool]) -> None:
        with self._heard:
            assert self._heard.wait_for(lambda: condition(self.events), WAIT_S), [event.type for event in self.events]

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join(WAIT_S)


def bus_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'broker.db'}"


def tell(folder: Path, *events: Event) -> None:
    async def publish() -> None:
        bus = open_bus(bus_in(folder), client="test")
        await bus.publish([Message(one.aggregate_type, one.aggregate_id, encode(one), one.id) for one in events])
        await bus.close()

    asyncio.run(publish())


def sku_of(api: httpx.Client) -> str:
    return max(api.get("/api/stock").json()["items"], key=lambda level: level["available"])["sku"]


def until(condition: Callable[[], bool]) -> None:
    """For what another process does, which tells nobody when it is done."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.05)


@contextmanager
def shop_in(folder: Path, **environment: str) -> Iterator[RunningShop]:
    with run(folder, *SMALL, INTERNAL_TOKEN="sesame", **environment) as shop:
        yield shop


def synced(shop: RunningShop) -> dict:
    return httpx.get(f"{shop.url}/internal/sync", headers=TOKEN, timeout=ANSWER_S).json()["entities"]


def test_events_go_out_and_come_in_and_nothing_is_lost_when_the_shop_is_killed(tmp_path):
    with Listener(bus_in(tmp_path)) as listener:
        with shop_in(tmp_path) as shop, shop.api("alice") as api:
            sku = sku_of(api)
            first = api.post("/api/orders", json=new_order(sku, 1)).json()
            listener.wait(lambda events: "OrderConfirmed" in [event.type for event in events])
            [confirmed] = [event for event in listener.events if event.type == "OrderConfirmed"]
            assert confirmed.aggregate_id == first["id"]
            second = api.post("/api/orders", json=new_order(sku, 1)).json()
            shop.process.kill()
            shop.process.wait(WAIT_S)
        with shop_in(tmp_path) as shop, shop.api("alice") as api:
            listener.wait(lambda events: second["id"] in [event.aggregate_id for event in events])
            changed = confirmed.data | {"order": confirmed.data["order"] | {"status": "shipped"}}
            shipped = Event(
                **{name: getattr(confirmed, name) for name in Event.__slots__}
                | {"id": "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11", "type": "OrderShipped", "origin": "service"}
                | {"aggregate_version": confirmed.aggregate_version + 1, "position": 1, "data": changed}
            )
            tell(tmp_path, shipped)
            until(lambda: api.get(f"/api/orders/{first['id']}").json()["status"] == "shipped")
            until(lambda: synced(shop)["order"]["unpublished"] == 0)
            told = synced(shop)["order"]
            assert (told["applied_from_peer"], told["conflicts"]) == (1, 0)
        listener.wait(lambda events: 4 in [event.position for event in events if event.aggregate_type == "order"])
        positions = sorted({event.position for event in listener.events if event.aggregate_type == "order"} - {None})
        assert positions[:4] == [1, 2, 3, 4]


def test_without_a_broker_the_shop_serves_and_says_so_and_stops_quietly(tmp_path):
    away = f"kafka://127.0.0.1:{free_port()}"
    with shop_in(tmp_path, BROKER_URL=away) as shop, shop.api("alice") as api:
        assert api.post("/api/orders", json=new_order(sku_of(api), 1)).status_code == 201
        until(lambda: "broker" in httpx.get(f"{shop.url}/readyz", timeout=ANSWER_S).json())
        answer = httpx.get(f"{shop.url}/readyz", timeout=ANSWER_S)
        assert (answer.status_code, answer.json()["ready"]) == (200, True)
        assert answer.json()["broker"].startswith("away: ")
        assert synced(shop)["order"]["unpublished"] == 2
        shop.process.send_signal(signal.SIGTERM)
        assert shop.process.wait(WAIT_S) == 0
        log = shop.log.read_text()
        assert log.count("The broker is away") == 1
        assert "Traceback" not in log


def test_the_worker_runs_alone_too(tmp_path):
    environment = clean_environment(DATA_DIR=str(tmp_path), INTERNAL_TOKEN="sesame")
    with shop_in(tmp_path, BROKER_URL=f"kafka://127.0.0.1:{free_port()}") as shop, shop.api("alice") as api:
        order = api.post("/api/orders", json=new_order(sku_of(api), 1)).json()
    command = [sys.executable, "legacy_monolith/manage.py", "sync"]
    with (
        Listener(bus_in(tmp_path)) as listener,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as worker,
    ):
        listener.wait(lambda events: order["id"] in [event.aggregate_id for event in events])
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(WAIT_S) == 0
        assert "In step with the services" in worker.stdout.read()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BROKER_URL", "amqp://x"),
        ("BROKER_URL", "kafka://user:secret@host:9092"),
        ("INTERNAL_TOKEN", "two words"),
        ("ORDERS_URL", "orders:8101"),
        ("PAYMENTS_URL", "http://"),
        ("INVENTORY_URL", "http://host/?a=b"),
    ],
)
def test_a_wrong_variable_is_named(variable, value):
    with pytest.raises(ImproperlyConfigured) as refusal:
        read_environment({variable: value})
    assert str(refusal.value).startswith(variable)
    assert "secret" not in str(refusal.value)
