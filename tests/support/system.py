"""The whole shop as real processes, to be killed and started again: the monolith, three services, one bus between them.

A member's address outlives its process. Its port is none of those that the system gives to outgoing connections, so
that nobody else gets it while the member is dead.
"""

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import httpx

from tests.support.grounds import MEMBERS, Ground
from tests.support.processes import ROOT, Process, free_port

TOKEN = "of-the-processes-of-this-system"
SERVICES = ("orders", "payments", "inventory")
ENTITIES: Mapping[str, str] = {"order": "orders", "payment": "payments", "stock": "inventory"}
"""What moves between the sides → the service that writes it then."""

STARTS_WITHIN_S = 90.0  # on a machine that is busy with other things
IN_STEP_WITHIN_S = 120.0
LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class Move:
    """A change of owner. Both are positions of the last event by entity: `fenced` of the side that gave, when it had
    given; `idle` of the side that took, just before it did."""

    epoch: int
    to: str
    fenced: Mapping[str, int]
    idle: Mapping[str, int]


class System:
    """Members by name. `faults` is how the card processor misbehaves (PROCESSOR_FAULTS)."""

    def __init__(self, ground: Ground, *, faults: str = "") -> None:
        self.ground = ground
        self.ledger_file = ground.folder / "ledger.db"
        self._faults = faults
        ports = [free_port() for _ in MEMBERS]
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in zip(MEMBERS, ports, strict=True)}
        self.members = {
            name: Member(name, port, self._environment(name, port), ground.folder)
            for name, port in zip(MEMBERS, ports, strict=True)
        }
        self._epochs = itertools.count(2)
        self._client = httpx.AsyncClient(timeout=30, trust_env=False)

    async def start(self, names: Iterable[str] = MEMBERS) -> None:
        """Return when all of these are ready."""
        members = [self.members[name] for name in names]
        for member in members:
            member.start()
        await asyncio.gather(*(member.wait_until_ready(self._client) for member in members))

    async def wait_until_ready(self, names: Iterable[str] = MEMBERS, path: str = "/readyz") -> None:
        await asyncio.gather(*(self.members[name].wait_until_ready(self._client, path) for name in names))

    def stop(self, names: Iterable[str] = MEMBERS) -> None:
        """In order (SIGTERM), all at once; each must end with 0."""
        stopping = [self.members[name] for name in names if self.members[name].is_running]
        for member in stopping:
            member.ask_to_stop()
        codes = {member.name: member.wait_for_end() for member in stopping}
        assert not any(codes.values()), f"ended with {codes}"

    async def close(self) -> None:
        """Whatever still runs is killed."""
        for member in self.members.values():
            member.kill()
        await self._client.aclose()

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`manage.py` of the monolith, as its operator would run it."""
        return self._run("monolith", [str(ROOT / "legacy_monolith" / "manage.py"), *arguments])

    def compare_books(self) -> dict[str, Any]:
        """What payments says about its own book and the card processor's ledger."""
        done = self._run("payments", ["-m", "extracted_services.payments", "ledger", "--json"])
        assert done.returncode in (0, 1), done.stderr
        agreement: dict[str, Any] = json.loads(done.stdout)
        return agreement

    def fill_services(self) -> None:
        """Copy to every service what the monolith has."""
        for service in SERVICES:
            done = self.manage("backfill", service)
            assert done.returncode == 0, done.stderr

    async def read_status(self) -> dict[str, dict[str, Any]]:
        """Entity → what both sides say of it under `legacy` and `service`; asks until all answer."""
        found = await asyncio.gather(*(self._insist("GET", name, "/internal/sync") for name in MEMBERS))
        said = dict(zip(MEMBERS, (answer["entities"] for answer in found), strict=True))
        return {
            entity: {"legacy": said["monolith"][entity], "service": said[service][entity]}
            for entity, service in ENTITIES.items()
        }

    async def wait_until_in_step(self, *, within: float = IN_STEP_WITHIN_S) -> dict[str, dict[str, Any]]:
        """Return when every event of either side has had its effect on the other; the status then."""
        lag: list[str] = []
        try:
            async with asyncio.timeout(within):
                while True:
                    status = await self.read_status()
                    lag = find_lag(status)
                    if not lag:
                        return status
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise AssertionError(f"still under way after {within} s: {lag}") from None

    async def hand_over(self, to: str) -> "Move":
        """Move the writing of all three entities to `legacy` or `service`, as an operator would by hand: fence the
        present owner, wait until the other side has heard everything, make that the owner. Every call is repeated
        until it is answered."""
        epoch = next(self._epochs)
        fenced: dict[str, int] = {}
        for name, entities in self._writers("service" if to == "legacy" else "legacy"):
            body = {"entities": entities, "epoch": epoch}
            told = await self._insist("POST", name, "/internal/sync/fence", body)
            fenced |= {entity: row["outbox_last"] for entity, row in told["entities"].items()}
        status = await self._wait_until_heard(to, fenced)
        for name, entities in self._writers(to):
            await self._insist("POST", name, "/internal/sync/own", {"entities": entities, "epoch": epoch})
        return Move(epoch, to, fenced, {entity: status[entity][to]["outbox_last"] for entity in ENTITIES})

    async def list_sagas(self, *states: str) -> list[str]:
        """The sagas in these states (a page of each), each as a line to read."""
        found = []
        for state in states:
            told = await self._insist("GET", "orders", f"/internal/sagas?state={state}&limit=100")
            found += [
                f"saga {saga['id']} of {saga['order_id']}: {saga['state']} at {saga['step']}, {saga['problem']}"
                for saga in told["items"]
            ]
        return found

    def reconcile(self) -> dict[str, dict[str, Any]]:
        """Service → what `manage.py reconcile` says of it."""
        found = {}
        for service in SERVICES:
            done = self.manage("reconcile", service, "--json")
            assert done.returncode in (0, 1), done.stderr
            found[service] = json.loads(done.stdout)
        return found

    async def _wait_until_heard(self, side: str, positions: Mapping[str, int]) -> dict[str, dict[str, Any]]:
        """The status when it has."""
        async with asyncio.timeout(IN_STEP_WITHIN_S):
            while True:
                status = await self.read_status()
                if all(status[entity][side]["applied_from_peer"] >= last for entity, last in positions.items()):
                    return status
                await asyncio.sleep(LOOK_EVERY_S)

    def _writers(self, side: str) -> list[tuple[str, list[str]]]:
        """Member → the entities that it writes when `side` owns them."""
        if side == "legacy":
            return [("monolith", sorted(ENTITIES))]
        return [(service, [entity]) for entity, service in ENTITIES.items()]

    async def _insist(self, method: str, name: str, path: str, body: object = None) -> dict[str, Any]:
        """The answer 200 of a member that may be killed and started again meanwhile."""
        problem = "not asked"
        try:
            async with asyncio.timeout(STARTS_WITHIN_S):
                while True:
                    try:
                        answer = await self._client.request(
                            method, self.urls[name] + path, json=body, headers={"Authorization": f"Bearer {TOKEN}"}
                        )
                    except httpx.TransportError as error:
                        problem = type(error).__name__
                    else:
                        if answer.status_code == 200:
                            told: dict[str, Any] = answer.json()
                            return told
                        problem = f"{answer.status_code} {answer.text}"
                        assert answer.status_code == 503, f"{method} {name} {path}: {problem}"
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise AssertionError(f"{method} {name} {path}: {problem}\n{self.members[name].log}") from None

    def _run(self, name: str, command: list[str]) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.members[name].environment}
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=STARTS_WITHIN_S,
            check=False,
        )

    def _environment(self, name: str, port: int) -> dict[str, str]:
        return {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "DATABASE_URL": self.ground.databases[name],
            "BROKER_URL": self.ground.broker_url,
            "INTERNAL_TOKEN": TOKEN,
            "SHOP_JWKS_URL": "",
            "LEGACY_URL": self.urls["monolith"],
            "ORDERS_URL": self.urls["orders"],
            "PAYMENTS_URL": self.urls["payments"],
            "INVENTORY_URL": self.urls["inventory"],
            "DATA_DIR": str(self.ground.folder / "monolith"),
            "SEED": "",
            "LOG_LEVEL": "info",
            "PROCESSOR_LEDGER": str(self.ledger_file),
            "PROCESSOR_FAULTS": self._faults,
            "SETTLE_AFTER": "3",
        }


@dataclass
class Member:
    """One process of the system, and the ones that were in its place before."""

    name: str
    port: int
    environment: Mapping[str, str]
    folder: Path
    process: Process | None = None
    starts: int = 0
    _logs: list[Path] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    @property
    def log(self) -> str:
        """The end of what its last processes wrote."""
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in self._logs[-2:])

    def logs(self) -> str:
        """All that its processes ever wrote."""
        return "".join(path.read_text(errors="replace") for path in self._logs)

    def start(self, *arguments: str) -> None:
        """Without waiting. Only from a thread that lives as long as the process shall."""
        assert not self.is_running, f"{self.name} runs already"
        self.starts += 1
        self._logs.append(self.folder / f"{self.name}-{self.starts}.log")
        module = "legacy_monolith" if self.name == "monolith" else f"extracted_services.{self.name}"
        command = [sys.executable, "-m", module, *arguments]
        self.process = Process.start(command, log=self._logs[-1], env=self.environment)

    def kill(self) -> None:
        """kill -9: it has no time for anything."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(SIGKILL)
            self.process.wait()

    def ask_to_stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(SIGTERM)

    def wait_for_end(self) -> int:
        assert self.process is not None
        return self.process.wait(within=60)

    async def is_ready(self, client: httpx.AsyncClient, path: str = "/readyz") -> bool:
        try:
            return (await client.get(self.url + path, timeout=5)).status_code == 200
        except httpx.TransportError:
            return False

    async def wait_until_ready(self, client: httpx.AsyncClient, path: str = "/readyz") -> None:
        try:
            async with asyncio.timeout(STARTS_WITHIN_S):
                while not await self.is_ready(client, path):
                    assert self.is_running, f"{self.name} ended by itself:\n{self.log}"
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{self.name} is not ready after {STARTS_WITHIN_S} s:\n{self.log}") from None


@asynccontextmanager
async def running(ground: Ground, *, faults: str = "") -> AsyncIterator[System]:
    """All members of a filled ground, ready, for as long as the block lasts."""
    system = System(ground, faults=faults)
    try:
        await system.start()
        yield system
    finally:
        await system.close()


def find_lag(status: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """What is still under way between the sides, as `System.read_status` shows them."""
    found = []
    for entity, sides in status.items():
        for source, target in (("legacy", "service"), ("service", "legacy")):
            told, heard = sides[source]["outbox_last"], sides[target]["applied_from_peer"]
            if sides[source]["unpublished"]:
                found.append(f"{entity}: {sides[source]['unpublished']} of {source} are not published")
            if told > heard:
                found.append(f"{entity}: {source} told {told}, {target} heard {heard}")
    return found
