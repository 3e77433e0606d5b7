"""The command line as a person or a script meets it: real processes, their output and their exit codes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from extracted_services.chassis.paging import cut_page, decode_cursor
from extracted_services.inventory.adapters.states import show_product
from extracted_services.inventory.entrypoints.representations import show_page, show_stock_level
from extracted_services.inventory.settings import VARIABLES
from extracted_services.inventory.tests.shop import level, product

COMMAND = [sys.executable, "-W", "error", "-m", "extracted_services.inventory"]
ROOT = Path(__file__).parents[3]
PAGE_SIZE = 2
SKUS = ("A", "B", "C")
WITHIN_S = 60


class Shop(ThreadingHTTPServer):
    """A monolith that sells a few things, and can be made to stop in the middle of a list."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ShopHandler)
        self.targets: list[str] = []
        self.traceparents: set[str] = set()
        self.asked_for_a_second_page = Event()
        self.may_answer_it = Event()
        self.may_answer_it.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class ShopHandler(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        self.server.targets.append(self.path)
        self.server.traceparents.add(self.headers["traceparent"])
        target = urlsplit(self.path)
        cursor = parse_qs(target.query).get("cursor", [""])[0]
        if cursor:
            self.server.asked_for_a_second_page.set()
            self.server.may_answer_it.wait()
        body = self._list(target.path, decode_cursor(cursor) if cursor else "")
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

    def _list(self, path: str, after: str) -> bytes | None:
        rest = [sku for sku in SKUS if sku > after]
        page = cut_page(rest[: PAGE_SIZE + 1], PAGE_SIZE, str)
        if path == "/api/products":
            return json.dumps(show_page(page, lambda sku: show_product(product(sku)))).encode()
        if path == "/api/stock":
            return json.dumps(show_page(page, lambda sku: show_stock_level(level(sku)))).encode()
        return None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in the base class
        pass


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.may_answer_it.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def environment(tmp_path: Path, shop: Shop) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name not in VARIABLES},
        "PORT": "0",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'var' / 'inventory.db'}",
        "BROKER_URL": f"sqlite:///{tmp_path / 'var' / 'broker.db'}",
        "INTERNAL_TOKEN": "a-token",
        "LEGACY_URL": shop.url,
    }


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A serving process and its URL."""
    with subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            first = json.loads(process.stderr.readline())
            assert first["message"].startswith("serving on"), first
            yield process, first["url"]
        finally:
            process.kill()


def test_help_names_every_variable_and_its_default(environment: dict[str, str]) -> None:
    done = run(environment, "--help")

    assert done.returncode == 0
    for name, variable in VARIABLES.items():
        assert name in done.stdout
        assert f"default: {variable.default or 'none'}" in done.stdout


def test_bad_settings_are_told_all_at_once(environment: dict[str, str]) -> None:
    done = run(environment | {"PORT": "http", "LEGACY_URL": "shop"}, "backfill")

    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["PORT", "LEGACY_URL"]


def test_it_is_filled_then_serves_and_stops_when_told(environment: dict[str, str], shop: Shop) -> None:
    filled = run(environment, "backfill")
    assert filled.returncode == 0, filled.stderr
    assert filled.stdout.splitlines()[1:] == [
        "  products  3 read: 3 added, 0 changed, 0 unchanged; 0 removed",
        "  stock     3 read: 3 added, 0 changed, 0 unchanged; 0 removed",
    ]

    with serving(environment) as (process, url):
        assert httpx.get(f"{url}/readyz", trust_env=False, timeout=WITHIN_S).status_code == 200
        answer = httpx.get(f"{url}/api/products/B", trust_env=False, timeout=WITHIN_S)
        assert answer.json() == show_product(product("B"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=WITHIN_S) == 0


def test_it_is_filled_while_it_serves(environment: dict[str, str]) -> None:
    with serving(environment) as (process, url):
        assert httpx.get(f"{url}/api/stock/C", trust_env=False, timeout=WITHIN_S).status_code == 503
        done = run(environment, "backfill", "--json")
        assert json.loads(done.stdout)["stock"] == {"read": 3, "added": 3, "changed": 0, "unchanged": 0, "removed": 0}
        assert httpx.get(f"{url}/api/stock/C", trust_env=False, timeout=WITHIN_S).json() == show_stock_level(level("C"))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=WITHIN_S) == 0


def test_an_interrupted_backfill_goes_on_where_it_stopped(environment: dict[str, str], shop: Shop) -> None:
    shop.may_answer_it.clear()
    with subprocess.Popen(
        [*COMMAND, "backfill"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert shop.asked_for_a_second_page.wait(timeout=WITHIN_S)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "interrupted; run it again to go on where it stopped"
    shop.may_answer_it.set()
    shop.targets.clear()

    done = run(environment, "backfill")

    assert (done.returncode, "products  3 read: 3 added" in done.stdout) == (0, True)
    assert shop.targets[0] == "/api/products?limit=100&cursor=Qg"


def test_one_trace_joins_all_requests_of_a_backfill(environment: dict[str, str], shop: Shop) -> None:
    done = run(environment, "backfill")

    [traceparent] = shop.traceparents
    assert json.loads(done.stderr.splitlines()[0])["trace_id"] == traceparent.split("-")[1]


def test_a_monolith_without_the_api_ends_a_backfill_with_3(environment: dict[str, str], shop: Shop) -> None:
    done = run(environment | {"LEGACY_URL": f"{shop.url}/elsewhere"}, "backfill")

    assert done.returncode == 3
    assert "GET /api/products was answered with 404" in done.stderr


def test_a_database_that_cannot_be_opened_ends_it_with_3(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is a text, and no database at all")

    done = run(environment | {"DATABASE_URL": f"sqlite:///{tmp_path / 'text'}"}, "backfill")

    assert (done.returncode, done.stderr) == (3, "DATABASE_URL: file is not a database\n")


def test_a_port_in_use_ends_it_with_2(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(environment | {"PORT": str(port)}, "serve")

    assert done.returncode == 2
    assert done.stderr.startswith(f"cannot listen on 127.0.0.1:{port}: ")
    assert len(done.stderr.splitlines()) == 1


def test_migrate_prints_the_revision(environment: dict[str, str]) -> None:
    assert run(environment, "migrate").stdout == "0002\n"
