"""Whoever kills: every now and then a member at random, with kill -9, which is started again at once."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random

from tests.support.system import System


@dataclass
class Killer:
    """Spares nobody, also not who is just starting. `killed` counts by member."""

    system: System
    chance: Random
    victims: Sequence[str]
    every: float
    most: int | None
    killed: Counter[str] = field(default_factory=Counter)

    async def work(self) -> None:
        """Until `most` have been killed. Raises AssertionError when somebody died of something else."""
        for _ in itertools.count() if self.most is None else range(self.most):
            await asyncio.sleep(self.every)
            member = self.system.members[self.chance.choice(self.victims)]
            assert member.is_running, f"{member.name} ended by itself:\n{member.log}"
            member.kill()
            self.killed[member.name] += 1
            member.start()


@asynccontextmanager
async def killing(
    system: System, chance: Random, *victims: str, every: float = 1.0, most: int | None = None
) -> AsyncIterator[Killer]:
    """Kill while the block lasts; afterwards all are ready again."""
    killer = Killer(system, chance, victims, every, most)
    task = asyncio.create_task(killer.work())
    try:
        yield killer
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await system.wait_until_ready(victims)
