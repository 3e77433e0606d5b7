"""Two processes on one database, killed again and again while goods are reserved: what was answered is so, once."""

import json
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.sync.inbox import mark_imported
from extracted_services.chassis.sync.ownership import own
from extracted_services.chassis.sync.tables import outbox
from extracted_services.inventory.adapters.applier import ENTITIES
from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.tables import reservations
from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.settings import Settings
from extracted_services.inventory.tests.client import ALICE, INTERNAL_TOKEN, body_of
from extracted_services.inventory.tests.shop import MORNING, ShopInMemory, level, product
from tests.support.processes import Process, free_port, is_listening

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
Fill = Callable[[ShopInMemory], Awaitable[Run]]
REQUESTS, PIECES = 60, 45
KILL_AFTER = (10, 25, 40)
"""Numbers of requests that were answered when the next process is killed."""
COMMAND = [sys.executable, "-m", "extracted_services.inventory"]
AUTHORIZATION = {"Authorization": f"Bearer {INTERNAL_TOKEN}"}


class Service:
    """One process of the service; a killed one is started again on the same port."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._port = free_port()
        self._starts = 0
        self._folder = folder
        url = settings.database.render_as_string(hide_password=False).replace("+aiosqlite", "").replace("+psycopg", "")
        self._environment = {
            "PORT": str(self._port),
            "DATABASE_URL": url,
            "BROKER_URL": settings.broker_url,
            "INTERNAL_TOKEN": INTERNAL_TOKEN,
            "LEGACY_URL": "http://127.0.0.1:9",
        }
        self.url = f"http://127.0.0.1:{self._port}"
        self._process = self._start()

    def kill(self) -> None:
        """Once it serves, in the middle of whatever it does."""
        self._process.wait_until(lambda: is_listening(self._port), within=60)
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(within=60)
        self._process = self._start()

    def stop(self) -> None:
        self._process.stop()

    def _start(self) -> Process:
        self._starts += 1
        return Process.start(COMMAND, log=self._folder / f"{self._port}-{self._starts}.log", env=self._environment)


@contextmanager
def two_of(settings: Settings, folder: Path) -> Iterator[list[Service]]:
    services = [Service(settings, folder) for _ in range(2)]
    try:
        yield services
    finally:
        for service in services:
            service.stop()


def reserve_whatever_happens(http: httpx.Client, services: list[Service], number: int) -> tuple[int, str]:
    """Ask with one key until there is an answer; its status and body."""
    body = body_of({"A": 1}, customer=ALICE)
    headers = {**AUTHORIZATION, "Idempotency-Key": f"saga-{number}:reserve"}
    pause = threading.Event()
    for service in cycle(services[number % 2 :] + services[: number % 2]):
        with suppress(httpx.TransportError):
            answer = http.post(f"{service.url}/internal/reservations", json=body, headers=headers)
            if answer.status_code in (201, 409):
                return answer.status_code, answer.text
        pause.wait(0.05)
    raise AssertionError


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
async def test_what_was_answered_is_so_once_however_processes_end(
    settings: Settings, engine: AsyncEngine, fill: Fill, tmp_path: Path
) -> None:
    await fill(ShopInMemory([product("A")], [level("A", PIECES, 0)]))
    async with writing(engine) as connection:
        await mark_imported(connection, ENTITIES, MORNING)
        await own(connection, ["stock"], 2)

    with two_of(settings, tmp_path) as services:
        answers = reserve_under_fire(services)
        # Who is left publishes what the killed ones could not.
        wait_until(lambda: read_status(services)["unpublished"] == 0)

    told = [json.loads(body) for status, body in answers if status == 201]
    assert len(told) == len({item["id"] for item in told}) == PIECES
    async with reading(engine) as connection:
        found = set((await connection.execute(select(reservations.c.id))).scalars())
        positions = list((await connection.execute(select(outbox.c.position).order_by(outbox.c.id))).scalars())
        rejected = await connection.scalar(select(func.count()).where(outbox.c.aggregate_id.not_in({"A", *found})))
    assert found == {item["id"] for item in told}
    assert positions == list(range(1, 2 * PIECES + (REQUESTS - PIECES) + 1))
    assert rejected == REQUESTS - PIECES
    stock = await SqlCatalogue(engine).find_stock("A")
    assert stock is not None
    assert (stock.on_hand, stock.reserved) == (PIECES, PIECES)


def reserve_under_fire(services: list[Service]) -> list[tuple[int, str]]:
    answers: list[tuple[int, str]] = []
    came = threading.Condition()

    def ask(number: int) -> None:
        answer = reserve_whatever_happens(http, services, number)
        with came:
            answers.append(answer)
            came.notify_all()

    with httpx.Client(verify=False, trust_env=False, timeout=60) as http, ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, number) for number in range(REQUESTS)]
        for service, count in zip(cycle(services), KILL_AFTER, strict=False):
            with came:
                came.wait_for(lambda: len(answers) >= count, timeout=120)  # noqa: B023 - waited for here
            service.kill()
        for asked in asking:
            asked.result(timeout=120)
    return answers


def read_status(services: list[Service]) -> dict[str, Any]:
    for service in services:
        with suppress(httpx.TransportError):
            answer = httpx.get(f"{service.url}/internal/sync", headers=AUTHORIZATION, trust_env=False, timeout=60)
            found: dict[str, Any] = answer.json()["entities"]["stock"]
            return found
    return {"unpublished": None}


def wait_until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if holds():
            return
        pause.wait(0.1)
    raise AssertionError("waited for a minute")
