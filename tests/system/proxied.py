"""`strangler serve` in front of a whole shop: its writes move by `strangler handover`, under customers and kills."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from signal import SIGKILL
from typing import Any

from tests.support.server import Server, serving, strangler
from tests.support.system import MEMBERS, TOKEN, System
from tests.system.books import find_problems
from tests.system.customers import Crowd, gathered
from tests.system.scenarios import assert_equal, assert_reconciled, come_to_rest, refuse

GROUP = "shop"
ENDS_WITHIN_S = 240.0
ROUTES = """\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0, drain_timeout: 10s }}
upstreams:
  monolith: {{ url: "{monolith}", sync: {{ path: /internal/sync, token: "${{INTERNAL_TOKEN}}" }} }}
  orders: {{ url: "{orders}", sync: {{ path: /internal/sync, token: "${{INTERNAL_TOKEN}}" }} }}
  payments: {{ url: "{payments}", sync: {{ path: /internal/sync, token: "${{INTERNAL_TOKEN}}" }} }}
  inventory: {{ url: "{inventory}", sync: {{ path: /internal/sync, token: "${{INTERNAL_TOKEN}}" }} }}
defaults: {{ legacy: monolith, handover: {{ hold_timeout: 10s, drain_timeout: 10s }} }}
routes:
  - name: orders
    match: /api/orders/**
    to: orders
    stage: legacy
    group: shop
    writes: {{ entities: [order, payment, stock] }}
  - name: payments
    match: /api/payments/**
    to: payments
    stage: legacy
    group: shop
    writes: {{ entities: [payment] }}
  - name: reservations
    match: /api/reservations/**
    to: inventory
    stage: legacy
    group: shop
    writes: {{ entities: [stock] }}
"""


@dataclass
class Shop:
    """The system behind its proxy. `asked` has when each order was begun and answered, `moved` each handover."""

    system: System
    server: Server
    crowd: Crowd
    asked: list[tuple[float, float]] = field(default_factory=list)
    moved: list[tuple[float, float]] = field(default_factory=list)
    stories: list[str] = field(default_factory=list)
    most_rest: float = 0.2  # seconds between a customer's orders

    async def write_until(self, done: asyncio.Event, chance: Random) -> None:
        """One customer after the other, through the proxy."""
        while not done.is_set():
            wish = self.crowd.wish(chance, "proxy")
            began = time.monotonic()
            self.crowd.acknowledged.append(await self.crowd.ask(wish))
            self.asked.append((began, time.monotonic()))
            await asyncio.sleep(chance.uniform(0.0, self.most_rest))

    async def hand_over(self, to: str) -> None:
        """As an operator who tries again until it is done."""
        began = time.monotonic()
        async with asyncio.timeout(ENDS_WITHIN_S):
            while True:
                lines, said = await asyncio.to_thread(self._run, ["--back"] if to == "legacy" else [])
                self.stories += [f"{line.get('seconds', ''):>7} {line.get('text') or line}" for line in lines] + [said]
                if (lines and lines[-1].get("ending") == "done") or "already" in said:
                    self.moved.append((began, time.monotonic()))
                    return
                await asyncio.sleep(0.3)

    def _run(self, options: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
        done = subprocess.run(
            [*strangler(), "handover", GROUP, "--json", *options],
            cwd=self.server.folder, capture_output=True, text=True, timeout=ENDS_WITHIN_S, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1, 3, 4), done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def tell_waits(self) -> str:
        """How long customers waited for their answers, while writing moved and otherwise, and how long the proxy held
        them: what a handover costs them is the difference."""
        waits: dict[bool, list[float]] = {True: [], False: []}
        for began, ended in self.asked:
            waits[any(began < over and ended > since for since, over in self.moved)].append(ended - began)
        told = [f"{kind}: {_spread(waits[met])}" for met, kind in ((True, "during handovers"), (False, "otherwise"))]
        held = self.server.metric("strangler_held_total")
        seconds = self.server.metric("strangler_held_seconds_total")
        return "; ".join([*told, f"held: {held:.0f} writes, {seconds / max(held, 1):.3f} s each"])

    async def kill(self, victim: str) -> None:
        """kill -9; who starts it again is the supervisor, or whoever runs the shop."""
        if victim in MEMBERS:
            self.system.members[victim].kill()
            self.system.members[victim].start()
            return
        status = json.loads((await asyncio.to_thread(self.server.api, "status")).body)
        pids = [each["pid"] for each in status["workers"]["connected"]]
        os.kill(status["control"]["pid"] if victim == "control" else pids[0], SIGKILL)


VICTIMS = (*MEMBERS, "control", "worker")


@contextmanager
def proxied(system: System, folder: Path, *, workers: int = 2) -> Iterator[Server]:
    folder.mkdir(parents=True, exist_ok=True)
    text = ROUTES.format(**system.urls)
    with serving(folder, text, "--workers", str(workers), environ={"INTERNAL_TOKEN": TOKEN}) as server:
        system.urls["proxy"] = f"http://127.0.0.1:{server.public}"
        yield server


@dataclass(frozen=True)
class Size:
    """So many writers, and a victim (or nobody, "") for each handover; they go there and back in turn."""

    writers: int
    victims: Sequence[str]
    most_rest: float = 0.2


async def move_under_writers(system: System, chance: Random, folder: Path, size: Size) -> None:
    """Every order that was acknowledged exists once on both sides, whoever is killed, and nobody waited long."""
    async with gathered(system) as crowd:
        before = await crowd.read_books("legacy")
        with proxied(system, folder) as server:
            shop, done = Shop(system, server, crowd, most_rest=size.most_rest), asyncio.Event()
            try:
                async with asyncio.TaskGroup() as writers:
                    for _ in range(size.writers):
                        writers.create_task(shop.write_until(done, chance))
                    for number, victim in enumerate(size.victims):
                        await _move(shop, "legacy" if number % 2 else "service", victim, chance)
                    if len(size.victims) % 2 == 0:  # goods that a saga had set aside wait for it, or for their end
                        await _move(shop, "service", "", chance)
                    done.set()
                after = await come_to_rest(system, crowd, "service")
                print(shop.tell_waits())
            finally:
                print("\n".join(shop.stories))
                print(f"told to come again: {crowd.refused}")
        refuse(find_problems(before, after, crowd.acknowledged))
        await assert_equal(system, crowd, after)
        assert_reconciled(system)
        assert len(crowd.acknowledged) == len(shop.asked)


def _spread(waits: Sequence[float]) -> str:
    if not waits:
        return "no order"
    ranked = sorted(waits)
    p99, median = ranked[int(len(ranked) * 0.99)], ranked[len(ranked) // 2]
    return f"{len(ranked)} orders, longest {ranked[-1]:.2f} s, p99 {p99:.2f} s, median {median:.2f} s"


async def _move(shop: Shop, to: str, victim: str, chance: Random) -> None:
    await asyncio.sleep(chance.uniform(0.3, 1.0))
    moving = asyncio.create_task(shop.hand_over(to))
    if victim:
        await asyncio.sleep(chance.uniform(0.2, 1.2))
        await shop.kill(victim)
    await moving
    if victim in MEMBERS:
        await shop.system.wait_until_ready([victim])
