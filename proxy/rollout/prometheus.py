"""Gates on what Prometheus knows: an instant query, and one number out of its answer.

A number that is not there, or not one alone, is unknown; never good, never bad. Each query is asked once in a few
seconds, beside everything else: a Prometheus that hangs delays no other gate.
"""

import asyncio
import json
from collections.abc import Iterable
from math import isfinite
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from proxy.config.moving import Gate
from proxy.rollout.asking import Answer, NoAnswer
from proxy.rollout.checks import Unknown

TIMEOUT_SECONDS: Final = 2.0
EVERY_SECONDS: Final = 5.0
STALE_SECONDS: Final = 15.0


class Asks(Protocol):
    """What is needed of an `Asker`. Raises NoAnswer."""

    async def ask(self, url: str, *, seconds: float, body: bytes | None = None) -> Answer: ...


def query_url(url: str, query: str) -> str:
    """Of the HTTP API's instant query, below the address that the file names."""
    return f"{url.rstrip('/')}/api/v1/query?{urlencode({'query': query})}"


def read_number(answer: Answer) -> float | Unknown:
    """The one number of an instant query: a scalar, or a vector of one sample."""
    if answer.status != 200:
        return Unknown(f"Prometheus answered with status {answer.status}")
    try:
        found = json.loads(answer.body)
        data = found["data"] if found["status"] == "success" else None
        return Unknown("Prometheus could not answer the query") if data is None else _number(data)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return Unknown("what answered is no Prometheus")


def _number(data: Any) -> float | Unknown:
    kind, result = data["resultType"], data["result"]
    if kind in ("matrix", "string"):
        return Unknown(f"the query gives a {kind}, not one number")
    if kind == "vector":
        if len(result) != 1:
            return Unknown(f"the query finds {len(result)} numbers, not one" if result else "the query finds nothing")
        result = result[0]["value"]
    number = float(result[1])
    return number if isfinite(number) else Unknown("the query gives no finite number")


Key = tuple[str, str]
"""A gate's address and query: gates of several routes that ask the same are asked once."""


class Numbers:
    """The latest number of each custom gate. `refresh` asks, and never waits for what it asks."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks
        self._known: dict[Key, tuple[float, float | Unknown]] = {}
        self._asked: dict[Key, tuple[float, asyncio.Task[None]]] = {}

    def refresh(self, gates: Iterable[Gate], now: float) -> None:
        """Ask again for what is due. What is known of other gates is forgotten."""
        wanted = {(gate.url, gate.query) for gate in gates if gate.url is not None and gate.query is not None}
        self._known = {key: found for key, found in self._known.items() if key in wanted}
        self._asked = {key: asked for key, asked in self._asked.items() if key in wanted or not asked[1].done()}
        for key in wanted:
            asked = self._asked.get(key)
            if asked is None or (asked[1].done() and now - asked[0] >= EVERY_SECONDS):
                self._asked[key] = (now, asyncio.create_task(self._ask(key, now)))

    async def _ask(self, key: Key, now: float) -> None:
        try:
            found = read_number(await self._asks.ask(query_url(*key), seconds=TIMEOUT_SECONDS))
        except NoAnswer as error:
            found = Unknown(f"Prometheus: {error}")
        self._known[key] = (now, found)

    def of(self, gate: Gate, now: float) -> float | Unknown:
        asked, found = self._known.get((gate.url or "", gate.query or ""), (now, Unknown("it was not asked for yet")))
        return found if now - asked <= STALE_SECONDS else Unknown("Prometheus has not answered for a while")
