"""Runs the shop as a user would: `python -m legacy_monolith` on a free port of loopback, stopped with SIGTERM."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
START_S, END_S = 120, 60
ANSWER_S = 60
SAMPLE = ("--seed", "--products", "45", "--orders", "120", "--users", "12")


@dataclass(frozen=True)
class RunningShop:
    url: str
    process: subprocess.Popen
    log: Path

    @contextmanager
    def browser(self, username: str) -> Iterator[httpx.Client]:
        """A client with a session of this user."""
        with httpx.Client(base_url=self.url, follow_redirects=True, timeout=ANSWER_S) as browser:
            form = {"username": username, "password": f"{username}-pass"}
            submit(browser, "/accounts/login/", form).raise_for_status()
            yield browser

    @contextmanager
    def api(self, username: str) -> Iterator[httpx.Client]:
        """A client with a token of this user."""
        with httpx.Client(base_url=self.url, timeout=ANSWER_S) as api:
            answer = api.post("/api/token", json={"username": username, "password": f"{username}-pass"})
            api.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield api


def submit(browser: httpx.Client, page: str, form: dict, *, to: str | None = None, **files) -> httpx.Response:
    """Loads a page, and posts the form with that page's CSRF token, as a browser does."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(page).text)
    assert token, f"{page} has no form"
    return browser.post(to or page, data={**form, "csrfmiddlewaretoken": token[1]}, **files)


@contextmanager
def run(folder: Path, *arguments: str, **environment: str) -> Iterator[RunningShop]:
    """The shop with its data in `folder`, until the block ends."""
    port = free_port()
    log = folder / f"shop-{port}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "legacy_monolith", *(arguments or SAMPLE)],
            cwd=ROOT,
            env=clean_environment(PORT=str(port), DATA_DIR=str(folder), **environment),
            stdout=sink,
            stderr=sink,
        )
        try:
            running = RunningShop(f"http://127.0.0.1:{port}", process, log)
            _wait_until_ready(running)
            yield running
        finally:
            process.terminate()
            process.wait(END_S)


def clean_environment(**values: str) -> dict[str, str]:
    """An environment that holds nothing of this shop's settings but the values given."""
    return {"PATH": os.environ.get("PATH", ""), "PYTHONWARNINGS": "error", **values}


def _wait_until_ready(running: RunningShop) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert running.process.poll() is None, running.log.read_text()
        try:
            if httpx.get(f"{running.url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)  # it is not listening yet, and nothing tells when it is
    raise AssertionError(running.log.read_text())
