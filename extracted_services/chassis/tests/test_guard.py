"""Leaving a service alone that fails, and not waiting for it with all there is."""

import asyncio

import pytest

from extracted_services.chassis.guard import Guard, Guards, LeftAlone
from proxy.resilience.breaker import BreakerSettings

pytestmark = pytest.mark.anyio

BREAKER = BreakerSettings(min_requests=4, try_again_after=1.0)


class Clock:
    time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def ask(guard: Guard, *, failed: bool | None = False) -> None:
    async with guard.passage() as passage:
        passage.failed = failed


async def test_a_service_that_fails_is_left_alone_then_asked_once(clock: Clock) -> None:
    guard = Guard(Guards(BREAKER), clock, lambda: 0.5)
    for _ in range(4):
        await ask(guard, failed=True)
    with pytest.raises(LeftAlone, match="too often"):
        await ask(guard)
    clock.time += 1.0
    async with guard.passage() as probe:
        with pytest.raises(LeftAlone):
            await ask(guard)
        probe.failed = False
    clock.time += 0.6  # more than half of the way back
    await ask(guard)


async def test_a_request_of_which_nobody_knows_what_came_of_it_judges_nothing(clock: Clock) -> None:
    guard = Guard(Guards(BREAKER), clock, lambda: 0.5)
    for _ in range(10):
        with pytest.raises(asyncio.CancelledError):
            async with guard.passage():
                raise asyncio.CancelledError
    await ask(guard)


async def test_so_many_are_under_way_so_many_wait_and_the_rest_is_turned_away(clock: Clock) -> None:
    guard = Guard(Guards(max_in_flight=1, queue=1), clock)
    may_end = asyncio.Event()
    order: list[str] = []

    async def work(name: str) -> None:
        async with guard.passage():
            order.append(name)
            await may_end.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(work("first"))
        group.create_task(work("second"))
        await asyncio.sleep(0)
        with pytest.raises(LeftAlone, match="wait already"):
            await ask(guard)
        assert order == ["first"]
        may_end.set()
    assert order == ["first", "second"]


async def test_who_waits_too_long_is_turned_away_and_takes_no_place(clock: Clock) -> None:
    guard = Guard(Guards(max_in_flight=1, queue=5, max_wait=0.01), clock)
    async with guard.passage():
        with pytest.raises(LeftAlone, match="no place"):
            await ask(guard)
    await ask(guard)


async def test_who_stops_waiting_at_the_moment_of_its_turn_passes_it_on(clock: Clock) -> None:
    guard = Guard(Guards(max_in_flight=1, queue=5), clock)
    waiting: list[asyncio.Task[None]] = []
    async with guard.passage():
        waiting += [asyncio.create_task(ask(guard)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    waiting[1].cancel()  # it has its turn, and has not noticed
    await waiting[2]
    assert [task.cancelled() for task in waiting[:1]] == [True]
    await asyncio.gather(*waiting, return_exceptions=True)
    await ask(guard)


async def test_who_was_cancelled_just_before_its_turn_gives_the_place_back_once(clock: Clock) -> None:
    guard = Guard(Guards(max_in_flight=1, queue=5, max_wait=0.01), clock)
    async with guard.passage():
        waiting = asyncio.create_task(ask(guard))
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with guard.passage():
        with pytest.raises(LeftAlone, match="no place"):
            await ask(guard)
