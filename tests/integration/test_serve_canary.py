"""A route at canary in a running server with two workers: who goes where, what cookies say, what caches may keep."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from proxy.routing.split import bucket_of
from tests.support.server import Answer, NamedUpstream, Server, ask, serving

WEIGHT = 50
HTML = {"Accept": "text/html"}


class Named(BaseHTTPRequestHandler):
    """Answers with the name of its side; /pages/moved for good, and for everybody to keep."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: NamedUpstream

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        moved = self.path == "/pages/moved"
        self.send_response(301 if moved else 200)
        if moved:
            self.send_header("Location", "/pages/there")
        self.send_header("Cache-Control", "public, max-age=600")
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


def named(name: str) -> NamedUpstream:
    made = NamedUpstream(name)
    made.RequestHandlerClass = Named
    return made


def text(monolith: str, service: str, *, weight: int = WEIGHT, trusted: str = "127.0.0.1/32") -> str:
    return f"""\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0, trusted_callers: [{trusted}] }}
upstreams:
  monolith: {{ url: "{monolith}" }}
  service: {{ url: "{service}" }}
defaults: {{ legacy: monolith, pin: 10m }}
log: {{ access: on }}
routes:
  - name: pages
    match: /pages/**
    to: service
    stage: canary
    group: shop
    canary: {{ weight: {weight}%, sticky: {{ header: X-Customer }}, allow: [qa-1], deny: [boss] }}
  - name: bare
    match: /bare
    to: service
    stage: canary
    canary: {{ weight: {weight}% }}
  - {{ name: place, match: "POST /orders", group: shop }}
"""


@dataclass
class Shop:
    server: Server
    monolith: NamedUpstream
    service: NamedUpstream

    def ask(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
        """On a connection of its own, so that any worker may get it."""
        return ask(self.server.public, path, method=method, headers=headers)

    def side(self, path: str, headers: Mapping[str, str] | None = None) -> str:
        return {b"monolith": "legacy", b"service": "service"}[self.ask(path, headers).body]

    def explain(self, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
        sent = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
        told = self.server.cli("explain", "GET", path, "--json", *sent)
        assert told.returncode == 0, told.stderr
        found: dict[str, Any] = json.loads(told.stdout)
        return found


def decision(answer: Answer) -> dict[str, str]:
    return dict(part.split("=") for part in answer.headers["x-strangler-decision"].split(";"))


def cookie(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    monolith, service = named("monolith"), named("service")
    with monolith.serving(), service.serving():
        folder = tmp_path_factory.mktemp("shop")
        with serving(folder, text(monolith.url, service.url), "--workers", "2") as server:
            yield Shop(server, monolith, service)


def test_every_user_is_answered_by_one_side_on_every_connection_and_worker(shop: Shop) -> None:
    for number in range(12):
        wanted = "service" if bucket_of("shop", "header", str(number)) < WEIGHT * 100 else "legacy"
        assert {shop.side("/pages/x", {"X-Customer": str(number)}) for _ in range(8)} == {wanted}
    pids = {worker["pid"] for worker in shop.server.workers()}
    assert len(pids) == 2


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"X-Customer": "qa-1"}, ("service", "allow")),
        ({"X-Customer": "boss"}, ("legacy", "deny")),
        ({"X-Customer": "boss", "X-Strangler-Side": "service"}, ("legacy", "deny")),
        ({"X-Customer": "7", "X-Strangler-Side": "service"}, ("service", "override")),
        ({"X-Customer": "7", "X-Strangler-Side": "legacy"}, ("legacy", "override")),
        ({"X-Customer": "7"}, None),
        ({"Authorization": "Bearer x"}, None),
        ({}, None),
    ],
)
def test_what_is_explained_is_what_happens(shop: Shop, sent: dict[str, str], told: tuple[str, str] | None) -> None:
    happened = decision(shop.ask("/pages/x", sent))
    explained = shop.explain("/pages/x", sent)
    assert happened == {name: str(explained[name]) for name in ("route", "side", "reason", "bucket")}
    assert told in (None, (happened["side"], happened["reason"]))


def test_a_browser_gets_one_cookie_and_keeps_its_side(shop: Shop) -> None:
    first = shop.ask("/bare", HTML)
    given = cookie(first)
    assert given.startswith("strangler_id=")
    for _ in range(8):
        again = shop.ask("/bare", HTML | {"Cookie": given})
        assert (again.body, again.headers.get("set-cookie")) == (first.body, None)


def test_a_user_reads_where_they_have_written_on_every_worker(shop: Shop) -> None:
    user = next(str(n) for n in range(100) if bucket_of("shop", "header", str(n)) < WEIGHT * 100)
    assert shop.side("/pages/x", {"X-Customer": user}) == "service"
    written = shop.ask("/orders", {"X-Customer": user, "Content-Length": "0"}, method="POST")
    assert written.body == b"monolith"
    pinned = {"X-Customer": user, "Cookie": cookie(written)}
    answers = [shop.ask("/pages/x", pinned) for _ in range(8)]
    assert {(answer.body, decision(answer)["reason"]) for answer in answers} == {(b"monolith", "pin")}
    forged = cookie(written).replace("shop:l:", "shop:s:")
    assert decision(shop.ask("/pages/x", pinned | {"Cookie": forged}))["reason"] == "weight"
    assert (shop.server.folder / ".strangler" / "pin.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("side", ["legacy", "service"])
def test_no_cache_keeps_an_answer_of_either_side(shop: Shop, side: str) -> None:
    moved = shop.ask("/pages/moved", {"X-Strangler-Side": side})
    assert (moved.status, moved.headers["cache-control"]) == (302, "private, max-age=600")


def test_the_reason_stands_in_log_and_metrics(shop: Shop) -> None:
    shop.ask("/pages/logged", {"X-Customer": "qa-1"})
    shop.server.wait_until(lambda: '"path": "/pages/logged"' in shop.server.process.output)
    (line,) = (line for line in shop.server.process.output.splitlines() if '"path": "/pages/logged"' in line)
    assert (json.loads(line)["side"], json.loads(line)["reason"]) == ("service", "allow")
    shop.server.wait_until(
        lambda: shop.server.metric("strangler_requests_total", route="pages", side="service", reason="allow") > 0
    )


def test_a_raise_moves_nobody_back_and_what_workers_sign_holds_over_a_reload(shop: Shop) -> None:
    users = [str(number) for number in range(30)]
    before = {user: shop.side("/pages/x", {"X-Customer": user}) for user in users}
    written = shop.ask("/orders", {"Content-Length": "0"}, method="POST")
    shop.server.file.write_text(text(shop.monolith.url, shop.service.url, weight=80))
    assert shop.server.reload().status == 200
    after = {user: shop.side("/pages/x", {"X-Customer": user}) for user in users}
    assert all(after[user] == "service" for user in users if before[user] == "service")
    assert sum(side == "service" for side in after.values()) > sum(side == "service" for side in before.values())
    assert decision(shop.ask("/pages/x", {"Cookie": cookie(written)}))["reason"] == "pin"
