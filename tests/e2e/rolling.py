"""A server that rolls a route out between two sides, with users on their way: for CI and, longer, for `make chaos`."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx

from tests.support.server import Server, serving
from tests.support.turning_shop import Fault, TurningShop

USERS = 2000


@dataclass(frozen=True)
class Plan:
    """`steps` begin with the weight that the file has; `clients` each ask `rate` times a second, at most."""

    samples: int
    steps: tuple[int, ...] = (10, 50, 100)
    window: float = 2.0
    clients: int = 3
    rate: float = 100.0
    patience: float = 180.0  # a busy machine answers less in a window, and waits for more
    latency: str = "<= legacy * 50"


def text(legacy: TurningShop, service: TurningShop, plan: Plan) -> str:
    return f"""\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0 }}
upstreams:
  monolith: {{ url: "http://127.0.0.1:{legacy.port}" }}
  inventory: {{ url: "http://127.0.0.1:{service.port}" }}
defaults: {{ legacy: monolith }}
routes:
  - name: products
    match: GET /api/products/**
    to: inventory
    stage: canary   # by the team that owns it
    canary:
      weight: {plan.steps[0]}%   # where it begins
      steps: [{", ".join(f"{step}%" for step in plan.steps)}]
      hold: 0s
      sticky: {{ header: X-Customer }}
    gates: {{ window: {plan.window:g}s, samples: ">= {plan.samples}", latency_p95: "{plan.latency}" }}
"""


class Place:
    """A server that rolls a route out, both its sides, and users on their way."""

    def __init__(self, server: Server, legacy: TurningShop, service: TurningShop, plan: Plan) -> None:
        self.server, self.legacy, self.service, self.plan = server, legacy, service, plan
        self.failed = 0

    async def rollout(self) -> dict[str, Any]:
        answer = await asyncio.to_thread(self.server.api, "rollouts")
        (found,) = answer.json()["rollouts"]
        return dict(found)

    async def turn(self, fault: Fault) -> dict[str, Any]:
        """Plant a fault in the service, and wait for the rollback; how the rollout then stands."""
        self.service.fault = fault
        began = time.monotonic()
        found = await self.until(lambda found: found["stage"] == "legacy")
        took = time.monotonic() - began
        print(f"{fault}: back after {took:.1f} s, a window is {self.plan.window:g} s: {found['why']}")
        return {**found, "took": took}

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        late = time.monotonic() + self.plan.patience
        while time.monotonic() < late:
            if holds(found := await self.rollout()):
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"after {self.plan.patience} s: {json.dumps(found, indent=1)}")

    async def more(self) -> None:
        """Wait for twenty answers of the legacy side that each user has asked for since."""
        goal = self.legacy.asked + 20 * self.plan.clients
        await asyncio.to_thread(self.server.wait_until, lambda: self.legacy.asked >= goal)

    def history(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.server.api("history").json()["entries"]
        return entries

    async def visit(self, chance: Random) -> None:
        """One user after the other, for ever."""
        async with httpx.AsyncClient(trust_env=False, timeout=15) as client:
            while True:
                user = {"X-Customer": f"user-{chance.randrange(USERS)}"}
                answer = await client.get(f"http://127.0.0.1:{self.server.public}/api/products/7", headers=user)
                self.failed += answer.status_code != 200
                await asyncio.sleep(1 / self.plan.rate)


@contextlib.asynccontextmanager
async def rolling(folder: Path, plan: Plan) -> AsyncIterator[Place]:
    async with TurningShop.serving() as legacy, TurningShop.serving() as service:
        file = text(legacy, service, plan)
        with contextlib.ExitStack() as stack:
            server = await asyncio.to_thread(stack.enter_context, serving(folder, file, "--workers", "2"))
            place = Place(server, legacy, service, plan)
            users = [asyncio.create_task(place.visit(Random(n))) for n in range(plan.clients)]
            try:
                yield place
            finally:
                for user in users:
                    user.cancel()
                await asyncio.gather(*users, return_exceptions=True)
                await asyncio.to_thread(stack.close)
