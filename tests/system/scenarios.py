"""What the whole shop goes through, in any size: the same in `make test` and, longer, in `make chaos`.

A scenario ends when everything has come to rest, and asserts that the books are right. What it draws, it draws from
the `Random` that it is given.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from tests.support.system import MEMBERS, SERVICES, Move, System
from tests.system.books import Books, check_charges, find_differences, find_problems
from tests.system.customers import AT_ONCE, Crowd, gathered
from tests.system.history import check_ownership, read_events
from tests.system.killing import killing

AT_REST_WITHIN_S = 150.0  # a saga pauses up to 30 s when it has failed often
RUNNING_SAGAS = ("running", "waiting", "compensating", "stuck")
SIDES = ("legacy", "service")
KILL_EVERY_S = {"embedded": 2.0, "kafka": 12.0}
"""While ownership moves. A Kafka group misses a member that was killed for six seconds at least, and then shares anew:
killed more often than that, nobody would hear anything, and nothing could move."""


@dataclass(frozen=True)
class Fire:
    """`kills` of services at random, one every second, while `orders` are placed."""

    orders: int
    kills: int


async def burn(system: System, chance: Random, size: Fire) -> None:
    """Services that own everything are killed while customers order: every order ends, and all adds up."""
    async with gathered(system) as crowd:
        await system.hand_over("service")
        before = await crowd.read_books("service")
        async with killing(system, chance, *SERVICES, most=size.kills) as killer:
            await crowd.place([crowd.wish(chance) for _ in range(size.orders)])
        after = await come_to_rest(system, crowd, "service")
        print(f"killed {dict(killer.killed)}, told to come again {crowd.refused}")  # shown when something fails
        assert len(crowd.acknowledged) == size.orders
        refuse(find_problems(before, after, crowd.acknowledged))
        refuse(check_charges(after.since(before)))
        agreement = system.compare_books()
        assert agreement["agree"], agreement
        assert agreement["orders_charged_twice"] == []
        await assert_equal(system, crowd, after)


async def catch_up(system: System, chance: Random, orders: int) -> None:
    """What one side writes while the other is stopped, the other has as soon as it is started."""
    async with gathered(system) as crowd:
        before = await crowd.read_books("legacy")
        system.stop(SERVICES)
        await crowd.place([crowd.wish(chance, "monolith") for _ in range(orders)])
        await system.start(SERVICES)
        await assert_equal(system, crowd, await come_to_rest(system, crowd, "legacy"))
        assert_reconciled(system)

        await system.hand_over("service")
        system.stop(["monolith"])
        await crowd.place([crowd.wish(chance, "orders") for _ in range(orders)])
        await wait_for_orders(system, crowd, "service")
        await system.start(["monolith"])
        after = await come_to_rest(system, crowd, "service")
        await assert_equal(system, crowd, after)
        assert_reconciled(system)
        assert len(crowd.acknowledged) == 2 * orders
        refuse(find_problems(before, after, crowd.acknowledged))


async def move_to_and_fro(system: System, chance: Random, switches: int) -> None:
    """Ownership moves while customers write to both sides and everybody is killed: what was acknowledged is there
    once on both sides, and nobody wrote what was not its own."""
    async with gathered(system) as crowd:
        before = await crowd.read_books("legacy")
        moves: list[Move] = []
        done = asyncio.Event()
        async with asyncio.TaskGroup() as writers:
            for _ in range(AT_ONCE):
                writers.create_task(write_until(done, crowd, chance))
            pause = KILL_EVERY_S["kafka" if system.ground.broker_url.startswith("kafka:") else "embedded"]
            async with killing(system, chance, *MEMBERS, every=pause, patient=True) as killer:
                for number in range(switches):
                    await asyncio.sleep(chance.uniform(0.2, 1.0))
                    moves.append(await system.hand_over(SIDES[(number + 1) % 2]))
            done.set()
        if moves[-1].to != "service":
            # Goods that a saga had set aside before there was an order wait for it, or for the end of their time.
            moves.append(await system.hand_over("service"))
        after = await come_to_rest(system, crowd, "service")
        print(f"killed {dict(killer.killed)}, told to come again {crowd.refused}")
        status = await system.read_status()
        last = {side: {entity: status[entity][side]["outbox_last"] for entity in status} for side in SIDES}
        refuse(check_ownership(moves, last, read_events(system)))
        refuse(find_problems(before, after, crowd.acknowledged))
        await assert_equal(system, crowd, after)
        assert_reconciled(system)


async def write_until(done: asyncio.Event, crowd: Crowd, chance: Random) -> None:
    """One customer after the other, each beginning at either side."""
    while not done.is_set():
        sides = chance.sample(["monolith", "orders"], 2)
        await crowd.place([crowd.wish(chance, *sides)], at_once=1)
        await asyncio.sleep(chance.uniform(0.0, 1.0))  # one who never pauses keeps a small machine from the rest


async def come_to_rest(system: System, crowd: Crowd, side: str) -> Books:
    """The owner's books when its orders are final, its sagas ended, its charges settled, and both sides in step."""
    await wait_for_orders(system, crowd, side)
    await system.wait_until_in_step()
    return await crowd.read_books(side)


async def wait_for_orders(system: System, crowd: Crowd, side: str) -> None:
    open_ones: list[str] = []
    try:
        async with asyncio.timeout(AT_REST_WITHIN_S):
            while True:
                books = await crowd.read_books(side)
                open_ones = [key for key, order in books.orders.items() if order["status"] == "pending"]
                open_ones += await system.list_sagas(*RUNNING_SAGAS) if side == "service" else []
                if not open_ones and (side == "legacy" or system.compare_books()["agree"]):
                    return
                await asyncio.sleep(0.3)
    except TimeoutError:
        raise AssertionError(f"not at rest after {AT_REST_WITHIN_S} s: {open_ones or system.compare_books()}") from None


async def assert_equal(system: System, crowd: Crowd, books: Books) -> None:
    """Both sides show the same, and nothing was in conflict."""
    status = await system.read_status()
    for side in SIDES:
        refuse(f"{side} has conflicts of {entity}" for entity, sides in status.items() if sides[side]["conflicts"])
        refuse(find_differences(books, await crowd.read_books(side)))


def assert_reconciled(system: System) -> None:
    """`manage.py reconcile` finds nothing either, also in what no API shows."""
    assert {name: told["equal"] for name, told in system.reconcile().items()} == dict.fromkeys(SERVICES, True)


def refuse(problems: Iterable[str]) -> None:
    """All of them at once; none is what is wanted."""
    found = list(problems)
    assert not found, "\n".join(found)
