"""The whole reference system as real processes: the monolith with sample data, inventory beside it, the proxy in front.

Both the monolith's own address and the proxy's are offered, so that a test can ask the same of both.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from legacy_monolith.tests.server import RunningShop, run
from tests.support.processes import ROOT, free_port, running
from tests.support.server import Server, serving

GOOD_CARD = "4242424242424242"
BAD_CARD = "4000000000000002"
ADDRESS = {"name": "Alice Larsen", "street": "Mill Lane 1", "postcode": "1050", "city": "Copenhagen", "country": "DK"}


@dataclass(frozen=True, slots=True)
class Inventory:
    """The inventory service; `stop` and `backfill` are what its operator would do."""

    url: str
    environment: dict[str, str]

    def backfill(self) -> str:
        """Fill it from the monolith, or bring it up to date; the summary."""
        command = [sys.executable, "-m", "extracted_services.inventory", "backfill"]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@dataclass(frozen=True, slots=True)
class Deployment:
    """`direct` is the monolith at its own address, `proxied` the same behind the proxy."""

    direct: RunningShop
    proxied: RunningShop
    server: Server
    inventory: Inventory | None = None

    def best_stocked(self) -> str:
        """The SKU of the product that there is most of."""
        levels = httpx.get(f"{self.direct.url}/api/stock?limit=100", timeout=60).json()["items"]
        sku: str = max(levels, key=lambda level: level["available"])["sku"]
        return sku

    def cut_over(self, stage: str = "cutover") -> None:
        """Move products and stock to the inventory service, or to another stage; returns when it has been taken."""
        assert self.inventory is not None
        self.server.file.write_text(table(self.direct.url, self.inventory.url, stage))
        answer = self.server.reload()
        assert answer.status == 200, answer.body


def table(monolith: str, inventory: str, stage: str) -> str:
    """The shop's own routes.yaml, on ports the system chooses."""
    text = (ROOT / "routes.yaml").read_text()
    for found, wanted in (
        ("127.0.0.1:8080 ", "127.0.0.1:0 "),
        ("127.0.0.1:8081 ", "127.0.0.1:0 "),
        ("${LEGACY_URL:-http://127.0.0.1:8000}", monolith),
        ("${INVENTORY_URL:-http://127.0.0.1:8103}", inventory),
        ("stage: legacy", f"stage: {stage}"),
    ):
        assert found in text, f"routes.yaml has no {found!r} any more"
        text = text.replace(found, wanted)
    return text


@contextlib.contextmanager
def deployed(folder: Path, *sample: str, with_inventory: bool = False) -> Iterator[Deployment]:
    """Everything, for as long as the block lasts. `sample` are options of the monolith that size its data."""
    with contextlib.ExitStack() as stack:
        direct = stack.enter_context(run(made(folder / "monolith"), "--seed", *sample))
        inventory = stack.enter_context(_inventory(made(folder / "inventory"), direct)) if with_inventory else None
        text = table(direct.url, inventory.url if inventory else "http://127.0.0.1:9", "legacy")
        server = stack.enter_context(serving(made(folder / "proxy"), text))
        proxied = replace(direct, url=f"http://127.0.0.1:{server.public}")
        yield Deployment(direct, proxied, server, inventory)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@contextlib.contextmanager
def _inventory(folder: Path, monolith: RunningShop) -> Iterator[Inventory]:
    port = free_port()
    environment = {
        **os.environ,
        "HOST": "",
        "PORT": str(port),
        "DATABASE_URL": f"sqlite:///{folder / 'inventory.db'}",
        "BROKER_URL": f"sqlite:///{folder / 'broker.db'}",
        "INTERNAL_TOKEN": "of-this-test-run",
        "LEGACY_URL": monolith.url,
    }
    inventory = Inventory(f"http://127.0.0.1:{port}", environment)
    command = [sys.executable, "-m", "extracted_services.inventory"]
    with running(command, port=port, log=folder / "log", env=environment, within=60):
        inventory.backfill()
        yield inventory
