"""The command line as a person or a script meets it: real processes, killed at any moment."""

import asyncio
import json
import re
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from extracted_services.payments.bootstrap import audit
from extracted_services.payments.settings import read_settings
from extracted_services.payments.tests.shop import ALICE
from tests.support.processes import ROOT, Process

COMMAND = [sys.executable, "-W", "error", "-m", "extracted_services.payments"]
URL = re.compile(r"http://127\.0\.0\.1:\d+")
TOKEN = "between-services"
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}
CARDS = ("4242", "4242", "4242", "0002", "0119", "0135")
WITHIN_S = 60


@pytest.fixture
def environment(url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "HOST": "",
        "PORT": "0",
        "DATABASE_URL": url,
        "BROKER_URL": f"sqlite:///{tmp_path / 'broker.db'}",
        "PROCESSOR_LEDGER": str(tmp_path / "card-processor.db"),
        "INTERNAL_TOKEN": TOKEN,
        "PYTHONPATH": str(ROOT),
    }


@contextmanager
def serving(environment: Mapping[str, str], folder: Path) -> Iterator[tuple[Process, str]]:
    process = Process.start(COMMAND, log=folder / "payments.log", env=environment, cwd=folder)
    try:
        process.wait_until(lambda: URL.search(process.output) is not None, within=WITHIN_S)
        found = URL.search(process.output)
        assert found is not None
        yield process, found.group()
    finally:
        process.stop()


def run(environment: Mapping[str, str], folder: Path, *arguments: str) -> tuple[int, str]:
    process = Process.start([*COMMAND, *arguments], log=folder / "command.log", env=environment, cwd=folder)
    return process.wait(within=WITHIN_S), process.output


def own(url: str) -> None:
    body = {"entities": ["payment"], "epoch": 2}
    moved = httpx.post(f"{url}/internal/sync/own", headers=AUTHORIZATION, json=body, trust_env=False, timeout=WITHIN_S)
    assert moved.status_code == 200, moved.text


def new_charge(last4: str) -> dict[str, Any]:
    return {
        "order_id": str(uuid4()),
        "customer": str(ALICE),
        "amount": {"amount": "10.00", "currency": "EUR"},
        "card_reference": f"tok_{uuid4().hex}_16_{last4}",
    }


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_ledger_agrees_differs_and_cannot_be_read(environment: dict[str, str], tmp_path: Path) -> None:
    with serving(environment, tmp_path) as (_process, url):
        own(url)
        for number, last4 in enumerate(("4242", "0002", "0119")):
            headers = {**AUTHORIZATION, "Idempotency-Key": f"s{number}:charge"}
            body = new_charge(last4)
            httpx.post(f"{url}/internal/charges", headers=headers, json=body, trust_env=False, timeout=WITHIN_S)

    code, output = run(environment, tmp_path, "ledger")
    assert (code, output.splitlines()) == (
        0,
        [
            "the processor took           20.00 EUR, gave back       0.00 EUR",
            "recorded as captured         20.00 EUR, refunded        0.00 EUR",
            "accounts 3, declined 1, asked again 1 times; payments charged elsewhere 0",
            "the books agree",
        ],
    )

    with closing(sqlite3.connect(environment["PROCESSOR_LEDGER"])) as ledger:
        ledger.execute("UPDATE accounts SET amount_cents = 1 WHERE card_last4 = '4242'")
        ledger.commit()
    code, output = run(environment, tmp_path, "ledger", "--json")
    assert code == 1
    told = json.loads(output)
    assert (told["agree"], told["taken"], told["recorded"]) == (False, 1001, 2000)
    assert [found["problem"] for found in told["differences"]] == ["the processor took 1 cents, recorded are 1000"]
    assert "the books differ: 1 payment" in run(environment, tmp_path, "ledger")[1]

    Path(environment["PROCESSOR_LEDGER"]).write_bytes(b"not a database at all" * 100)
    code, output = run(environment, tmp_path, "ledger")
    assert (code, output.splitlines()) == (3, ["PROCESSOR_LEDGER: file is not a database"])


def test_the_ledger_of_a_database_that_was_never_migrated_is_refused(tmp_path: Path) -> None:
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path / 'empty.db'}", "PYTHONPATH": str(ROOT)}
    code, output = run(environment, tmp_path, "ledger")

    assert (code, output.strip()) == (3, "DATABASE_URL: the database is at no revision, not 0001")


class Callers:
    """Ask for charges, six at a time, and remember what became of them."""

    def __init__(self) -> None:
        self.wanted = {f"s{number}:charge": new_charge(CARDS[number % len(CARDS)]) for number in range(60)}
        self.known: dict[str, tuple[int, dict[str, Any]]] = {}

    async def ask_for_the_rest(self, url: str, *, enough: int, then: Callable[[], object]) -> None:
        """Ask once for each charge that is not known; as soon as so many are, do `then`, with requests under way."""
        gate = asyncio.Semaphore(6)
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=WITHIN_S) as client:
            asking = [self._ask(client, key, gate) for key in self.wanted if key not in self.known]
            is_done = False
            for answered in asyncio.as_completed(asking):
                await answered
                if not is_done and len(self.known) >= enough:
                    then()
                    is_done = True

    async def _ask(self, client: httpx.AsyncClient, key: str, gate: asyncio.Semaphore) -> None:
        headers = {**AUTHORIZATION, "Idempotency-Key": key}
        async with gate:
            try:
                answer = await client.post("/internal/charges", headers=headers, json=self.wanted[key])
            except httpx.TransportError:
                return  # killed: it may have been done, or not
        if answer.status_code in (201, 402):
            self.known[key] = answer.status_code, answer.json()


@pytest.mark.slow
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_service_that_is_killed_again_and_again_charges_every_order_once(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Sixty charges on a bad line; the process is killed with requests under way, three times."""
    environment |= {"PROCESSOR_FAULTS": "timeout=0.2,duplicate=0.1,delay=0.02,seed=7", "SETTLE_AFTER": "0.2"}
    callers = Callers()
    for enough in (10, 25, 40):
        with serving(environment, tmp_path) as (process, url):
            own(url)
            kill = partial(process.send_signal, signal.SIGKILL)
            asyncio.run(callers.ask_for_the_rest(url, enough=enough, then=kill))
            process.wait(within=WITHIN_S)
    with serving(environment, tmp_path) as (process, url):
        while len(callers.known) < len(callers.wanted):
            asyncio.run(callers.ask_for_the_rest(url, enough=60, then=lambda: None))
        settings = read_settings(environment)
        process.wait_until(lambda: asyncio.run(audit(settings)).agree, within=WITHIN_S)  # settlement is at work

    agreement = asyncio.run(audit(settings))
    captured = [payment for status, payment in callers.known.values() if status == 201]
    assert len({payment["id"] for payment in captured}) == len(captured) == 50
    assert (agreement.taken, agreement.given_back) == (50 * 1000, 0)
    assert (agreement.declined, agreement.orders_charged_twice) == (10, ())
