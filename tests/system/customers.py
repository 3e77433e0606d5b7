"""Customers of a shop whose processes die: everyone asks with a key until there is an answer, and remembers it.

And whoever reads the books afterwards, through the same API.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from extracted_services.payments.adapters.processor.ledger import Ledger
from extracted_services.payments.domain.agreement import Took
from tests.support.system import System
from tests.system.books import Account, Acknowledged, Books

NAMES = ("alice", "bob", "carol")
CARDS = {
    "4242424242424242": 12,
    "4000000000000002": 2,  # declined
    "4000000000000119": 2,  # charged, and the first answer is lost
    "4000000000000135": 1,  # every request about it arrives twice
}
ADDRESS = {"name": "Alice Larsen", "street": "Mill Lane 1", "postcode": "1050", "city": "Copenhagen", "country": "DK"}
ASKS_FOR_S = 400.0
ANSWERS_WITHIN_S = 15.0
MOST_PAUSE_S = 1.0
AT_ONCE = 20
NEW_TOKENS_AFTER_S = 400.0


@dataclass(frozen=True)
class Wish:
    """One order that somebody is going to place; the same whenever the seed is the same."""

    key: str
    customer: str
    body: Mapping[str, Any]
    sides: tuple[str, ...] = ("orders",)
    """Members to ask, in turn: the next one when this one is not the owner, or does not answer."""


@dataclass
class Crowd:
    """The customers of one shop. `refused` counts the answers that told somebody to come again."""

    system: System
    client: httpx.AsyncClient
    tokens: dict[str, str]
    skus: Sequence[str]
    logged_in_at: float = field(default_factory=time.monotonic)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    _keys: "itertools.count[int]" = field(default_factory=itertools.count)

    def wish(self, chance: Random, *sides: str) -> Wish:
        """An order of one to three products out of a few, so that some run short."""
        skus = chance.sample(self.skus, chance.randint(1, 3))
        body = {
            "lines": [{"sku": sku, "quantity": chance.randint(1, 3)} for sku in skus],
            "shipping_address": ADDRESS,
            "card": {"number": chance.choices(list(CARDS), list(CARDS.values()))[0]},
        }
        key = f"wish-{next(self._keys)}-{chance.getrandbits(32):08x}"
        return Wish(key, chance.choice(NAMES), body, sides or ("orders",))

    async def place(self, wishes: Sequence[Wish], *, at_once: int = AT_ONCE) -> None:
        """All of them, `at_once` at a time; returns when every one is acknowledged."""
        waiting = iter(wishes)

        async def work() -> None:
            for wish in waiting:
                self.acknowledged.append(await self.ask(wish))

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())

    async def log_in(self) -> None:
        """Get everybody a token of the monolith's, good for a quarter of an hour."""
        self.logged_in_at += 30.0  # who asks meanwhile leaves it to this one, which may fail
        for name in (*NAMES, "admin"):
            self.tokens[name] = await _log_in(self.client, self.system.urls["monolith"], name)
        self.logged_in_at = time.monotonic()

    async def ask(self, wish: Wish) -> Acknowledged:
        """Ask until there is an answer that stands. Raises AssertionError for an answer that nobody should get."""
        pause = 0.05
        problem = "not asked"
        try:
            async with asyncio.timeout(ASKS_FOR_S):
                for side in itertools.cycle(wish.sides):
                    answer = await self._post(side, wish)
                    if isinstance(answer, httpx.Response) and (found := _read(wish, answer)) is not None:
                        return found
                    problem = answer if isinstance(answer, str) else f"{answer.status_code} {_say(answer)}"
                    self.refused[problem] = self.refused.get(problem, 0) + 1
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, MOST_PAUSE_S)
        except TimeoutError:
            pass
        raise AssertionError(f"{wish.key} has no answer after {ASKS_FOR_S} s, last {problem}")

    async def read_books(self, side: str) -> Books:
        """Of the services, or of the monolith (`service` or `legacy`)."""
        at = {"legacy": ("monolith",) * 3, "service": ("orders", "payments", "inventory")}[side]
        orders = [await self._list(at[0], "/api/orders", name) for name in NAMES]
        return Books(
            {order["id"]: order for page in orders for order in page},
            {payment["id"]: payment for payment in await self._list(at[1], "/api/payments", "admin")},
            {reservation["id"]: reservation for reservation in await self._list(at[2], "/api/reservations", "admin")},
            {level["sku"]: level for level in await self._list(at[2], "/api/stock", "admin")},
            self._read_accounts(),
        )

    async def _post(self, side: str, wish: Wish) -> httpx.Response | str:
        if time.monotonic() - self.logged_in_at > NEW_TOKENS_AFTER_S:
            with suppress(httpx.TransportError, AssertionError):  # the monolith may be away: later, then
                await self.log_in()
        headers = {"Authorization": f"Bearer {self.tokens[wish.customer]}", "Idempotency-Key": wish.key}
        try:
            return await self.client.post(f"{self.system.urls[side]}/api/orders", json=wish.body, headers=headers)
        except httpx.TransportError as error:
            return type(error).__name__

    async def _list(self, member: str, path: str, who: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            answer = await self.client.get(
                f"{self.system.urls[member]}{path}?limit=100" + (f"&cursor={cursor}" if cursor else ""),
                headers={"Authorization": f"Bearer {self.tokens[who]}"},
            )
            assert answer.status_code == 200, f"{member} {path}: {answer.status_code} {answer.text}"
            found += answer.json()["items"]
            cursor = answer.json()["next"]
        return found

    def _read_accounts(self) -> list[Account]:
        return [
            Account(
                str(account.order_id),
                account.amount_cents if account.took is Took.MONEY else 0,
                account.took in (Took.MONEY, Took.AND_GAVE_BACK),
            )
            for account in Ledger(self.system.ledger_file).read()
            if account.order_id is not None
        ]


@asynccontextmanager
async def gathered(system: System, *, products: int = 12) -> AsyncIterator[Crowd]:
    """Customers with tokens of the monolith's, who want the best stocked `products` and the scarcest one."""
    async with httpx.AsyncClient(
        timeout=ANSWERS_WITHIN_S, trust_env=False, limits=httpx.Limits(max_connections=100)
    ) as client:
        url = system.urls["monolith"]
        levels = (await client.get(f"{url}/api/stock?limit=100")).json()["items"]
        by_stock = sorted((level for level in levels if level["available"]), key=lambda level: -level["available"])
        skus = [level["sku"] for level in (*by_stock[:products], by_stock[-1])]
        crowd = Crowd(system, client, {}, skus)
        await crowd.log_in()
        yield crowd


async def _log_in(client: httpx.AsyncClient, url: str, name: str) -> str:
    answer = await client.post(f"{url}/api/token", json={"username": name, "password": f"{name}-pass"})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def _read(wish: Wish, answer: httpx.Response) -> Acknowledged | None:
    """What the customer is told for good; None for "come again"."""
    match answer.status_code, _kind(answer):
        case 201, _:
            return Acknowledged(wish.key, answer.json()["id"], answer.json()["status"])
        case 402, _:
            return Acknowledged(wish.key, answer.json()["order_id"], "cancelled")
        case 409, "insufficient-stock":
            return Acknowledged(wish.key, None)
        case (503, _) | (409, "not-owner"):
            return None
        case 502 | 504, _ if wish.sides == ("proxy",):  # whom the proxy asked was killed: the key makes it safe
            return None
    raise AssertionError(f"{wish.key} was answered {answer.status_code} {answer.text}")


def _say(answer: httpx.Response) -> str:
    if not _kind(answer):
        return answer.text
    problem = answer.json()
    return str(problem.get("detail") or problem["title"])


def _kind(answer: httpx.Response) -> str:
    if "json" not in answer.headers.get("content-type", ""):
        return ""
    return str(answer.json().get("type", "")).removeprefix("urn:shop:")
