"""Whoever kills: every now and then a member at random, with kill -9, which is started again at once."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random

from tests.support.system import System


@dataclass
class Killer:
    """Spares nobody, also not who is just starting; unless it is to be `patient`, and waits until everybody is ready
    again, so that something gets done on a slow machine too. `killed` counts by member."""

    system: System
    chance: Random
    victims: Sequence[str]
    every: float
    most: int | None
    patient: bool
    killed: Counter[str] = field(default_factory=Counter)

    async def work(self) -> None:
        """Until `most` have been killed. Raises AssertionError when somebody died of something else."""
        for name in itertools.islice(self._draw(), self.most):
            await asyncio.sleep(self.every)
            member = self.system.members[name]
            assert member.is_running, f"{member.name} ended by itself:\n{member.log}"
            member.kill()
            self.killed[member.name] += 1
            member.start()
            if self.patient:
                await self.system.wait_until_ready(self.victims)

    def _draw(self) -> Iterator[str]:
        """For ever: each victim once in every round, so that a few kills reach all of them."""
        while True:
            yield from self.chance.sample(self.victims, len(self.victims))


@asynccontextmanager
async def killing(
    system: System, chance: Random, *victims: str, every: float = 1.0, most: int | None = None, patient: bool = False
) -> AsyncIterator[Killer]:
    """Kill while the block lasts; afterwards all are ready again."""
    killer = Killer(system, chance, victims, every, most, patient)
    task = asyncio.create_task(killer.work())
    try:
        yield killer
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await system.wait_until_ready(victims)
