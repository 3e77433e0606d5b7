"""Ownership is moved in an order in which never two sides write: fence, hear, own."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from proxy.demo.errors import PartFailed, StepFailed
from proxy.demo.handover import Member, hand_over, next_epoch

TOKEN = "let-me-in"


class Side:
    """A process of the shop, as far as its /internal/sync; `asked` is shared by all, in the order of the calls."""

    def __init__(self, name: str, asked: list[str], *entities: str) -> None:
        self.name, self.asked, self.entities = name, asked, entities
        self.epoch, self.told, self.heard = 1, 0, 0
        self.hears_with_look = 1
        self.refuses = False
        side = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                side.asked.append(f"{side.name} status")
                side.hears_with_look -= 1
                if side.hears_with_look == 0:
                    side.heard = 5
                self._answer(200)

            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                act = self.path.removeprefix("/internal/sync/")
                side.asked.append(f"{side.name} {act} {' '.join(sent['entities'])} {sent['epoch']}")
                self._answer(409 if side.refuses else 200)

            def _answer(self, status: int) -> None:
                authorized = self.headers["Authorization"] == f"Bearer {TOKEN}"
                row = {"epoch": side.epoch, "outbox_last": side.told, "applied_from_peer": side.heard}
                body = json.dumps({"entities": dict.fromkeys(side.entities, row)}).encode()
                self.send_response(status if authorized else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.member = Member(name, self.server.server_port, TOKEN, entities)


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def sides(asked: list[str]) -> Iterator[tuple[Side, Side, Side]]:
    found = (
        Side("monolith", asked, "order", "stock"),
        Side("orders", asked, "order"),
        Side("inventory", asked, "stock"),
    )
    found[0].told = 5
    with ExitStack() as stack:
        for side in found:
            thread = threading.Thread(target=side.server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(side.server.server_close)
            stack.callback(side.server.shutdown)
        yield found


def test_the_next_owner_begins_when_the_last_one_has_ended_and_all_was_heard(
    sides: tuple[Side, Side, Side], asked: list[str]
) -> None:
    monolith, orders, inventory = sides
    inventory.hears_with_look = 2
    positions = hand_over(
        [monolith.member], [orders.member, inventory.member], epoch=2, check=lambda: asked.append("check")
    )
    assert positions == {"order": 5, "stock": 5}
    assert asked == [
        "monolith fence order stock 2",
        "orders status", "inventory status", "check",
        "orders status", "inventory status",
        "orders own order 2", "inventory own stock 2",
    ]  # fmt: skip


def test_who_refuses_to_stop_ends_the_move_before_anybody_begins(
    sides: tuple[Side, Side, Side], asked: list[str]
) -> None:
    monolith, orders, inventory = sides
    monolith.refuses = True
    with pytest.raises(StepFailed, match="fence at monolith"):
        hand_over([monolith.member], [orders.member, inventory.member], epoch=2, check=lambda: None)
    assert asked == ["monolith fence order stock 2"]


def test_a_process_that_ends_meanwhile_ends_the_wait(sides: tuple[Side, Side, Side], asked: list[str]) -> None:
    monolith, orders, inventory = sides
    orders.hears_with_look = 1000

    def check() -> None:
        raise PartFailed("the orders service ended", "")

    with pytest.raises(PartFailed):
        hand_over([monolith.member], [orders.member, inventory.member], epoch=2, check=check)
    assert not [one for one in asked if " own " in one]


def test_the_next_epoch_is_above_all_that_were(sides: tuple[Side, Side, Side]) -> None:
    sides[1].epoch = 7
    assert next_epoch([side.member for side in sides]) == 8
