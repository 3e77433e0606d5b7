"""The two sides of the contract as real processes, and one request sent to both."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.processes import ROOT, Process

START_WITHIN_S = 120.0
ANSWER_WITHIN_S = 90.0  # longer than a customer is made to wait for the end of an order
URL = re.compile(r"http://127\.0\.0\.1:\d+")

# All that an answer says about itself; left out are the date and what belongs to the connection.
# A 204 has no length (RFC 9110, section 8.6), and one side's server may write one all the same.
UNEQUAL_BY_NATURE = {"date", "server", "connection", "keep-alive"}


@dataclass(frozen=True)
class Sides:
    """A monolith with data, and an inventory service that was filled from it."""

    monolith: httpx.Client
    inventory: httpx.Client
    inventory_environment: dict[str, str]

    def ask(self, method: str, target: str) -> tuple[httpx.Response, httpx.Response]:
        return self.monolith.request(method, target), self.inventory.request(method, target)

    def backfill(self) -> str:
        """Bring the service up to date; the summary."""
        done = subprocess.run(
            [sys.executable, "-m", "extracted_services.inventory", "backfill"],
            cwd=ROOT,
            env=self.inventory_environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """What an answer tells its reader."""
    unequal = UNEQUAL_BY_NATURE | ({"content-length"} if answer.status_code == 204 else set())
    return (
        answer.status_code,
        {name: value for name, value in answer.headers.items() if name not in unequal},
        answer.content,
    )


def url_of(process: Process) -> str:
    """Where a process says that it serves."""
    process.wait_until(lambda: URL.search(process.output) is not None, within=START_WITHIN_S)
    found = URL.search(process.output)
    assert found is not None
    return found.group()


@contextlib.contextmanager
def started(command: list[str], environment: dict[str, str], log: Path) -> Iterator[Process]:
    process = Process.start([sys.executable, "-m", *command], log=log, env=environment)
    try:
        yield process
    finally:
        process.stop()
