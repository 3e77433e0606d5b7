"""A customer who orders one thing after the other, in a thread, as long as a block lasts; what became of each order."""

import http.client
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from proxy import clock
from proxy.demo.web import Client

PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Bought:
    """One order's fate. `status` is 0 when there was no whole answer."""

    status: int
    side: str
    seconds: float


class Shopping:
    """Every order has a key of its own."""

    def __init__(self, port: int, order: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.bought: list[Bought] = []
        self._port, self._order, self._headers = port, order, headers
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._shop, daemon=True)

    def has_been_at(self, side: str) -> bool:
        """Whether that side has answered an order."""
        return any(each.side == side for each in self.bought)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _shop(self) -> None:
        with Client(self._port) as client:
            while not self._ending.wait(PAUSE_SECONDS):
                self.bought.append(_buy(client, self._order, self._headers))


def _buy(client: Client, order: Mapping[str, Any], headers: Mapping[str, str]) -> Bought:
    began = clock.monotonic()
    try:
        answer = client.post("/api/orders", order, {**headers, "Idempotency-Key": f"tour-{uuid.uuid4()}"})
    except (OSError, http.client.HTTPException):
        return Bought(0, "", clock.monotonic() - began)
    return Bought(answer.status, answer.side, clock.monotonic() - began)
