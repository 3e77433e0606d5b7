"""Counters of workers that come and go, and peers that do not speak our language."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from proxy.config.model import Endpoint
from proxy.control.hub import Hub
from proxy.control.link import connect
from proxy.forwarding.known_endpoints import Known, to_json
from tests.support.control import Stage, stage, until

CART = ("cart", "legacy", "stage", "2xx")
CONNECTIONS = ("strangler_connections", ())


def play(tmp_path: Path, story: Callable[[Stage], Awaitable[None]]) -> None:
    async def told() -> None:
        async with stage(tmp_path) as scene:
            await story(scene)

    asyncio.run(told())


def requests(hub: Hub) -> int:
    return hub.totals().requests.get(CART, 0)


def test_counters_never_go_back_when_a_worker_is_replaced(tmp_path: Path) -> None:
    async def story(scene: Stage) -> None:
        scene.hub.keep_only([1])
        first = await scene.worker(0, generation=1)
        first.count(5, connections=3)
        await until(lambda: requests(scene.hub) == 5)
        await first.link.close()
        await until(lambda: not scene.hub.peers())
        assert requests(scene.hub) == 5
        assert scene.hub.totals().gauges.get(CONNECTIONS, 0) == 0
        scene.hub.keep_only([2])
        assert requests(scene.hub) == 5
        second = await scene.worker(0, generation=2)
        second.count(2, connections=1)
        await until(lambda: requests(scene.hub) == 7)
        assert scene.hub.totals().gauges[CONNECTIONS] == 1

    play(tmp_path, story)


def test_the_last_words_of_a_worker_count_though_it_is_already_known_to_be_dead(tmp_path: Path) -> None:
    async def story(scene: Stage) -> None:
        worker = await scene.worker(0, generation=1)
        worker.count(5)
        await until(lambda: requests(scene.hub) == 5)
        scene.hub.keep_only([])
        worker.count(6)
        await worker.link.close()
        await until(lambda: not scene.hub.peers())
        assert requests(scene.hub) == 6

    play(tmp_path, story)


def test_a_worker_that_reconnects_is_not_counted_twice(tmp_path: Path) -> None:
    async def story(scene: Stage) -> None:
        scene.hub.keep_only([1])
        for _ in range(3):
            worker = await scene.worker(0, generation=1)
            worker.count(5)
            await until(lambda: requests(scene.hub) == 5)
            await worker.link.close()
            await until(lambda: not scene.hub.peers())
        assert requests(scene.hub) == 5

    play(tmp_path, story)


def test_what_a_worker_had_counted_before_it_was_seen_stands_apart(
    tmp_path: Path,
) -> None:
    async def story(scene: Stage) -> None:
        worker = await scene.worker(0, generation=1)
        worker.count(500)
        await until(lambda: requests(scene.hub) == 500)
        worker.count(507)
        await until(lambda: requests(scene.hub) == 507)
        assert scene.hub.begun().requests[CART] == 500
        await worker.link.close()
        await until(lambda: not scene.hub.peers())
        again = await scene.worker(0, generation=1)
        again.count(510)
        await until(lambda: requests(scene.hub) == 510)
        assert scene.hub.begun().requests[CART] == 500

    play(tmp_path, story)


@pytest.mark.parametrize(
    "greeting", [{"type": "counters"}, {"type": "hello"}, {"type": "hello", "version": 99}], ids=str
)
def test_a_connection_that_does_not_greet_properly_is_closed(tmp_path: Path, greeting: dict[str, object]) -> None:
    async def story(scene: Stage) -> None:
        link = await connect(scene.path)
        link.send(greeting)
        assert [message async for message in link.messages()] == []
        await link.close()
        assert scene.hub.peers() == []
        assert "link_refused" in scene.output.getvalue()

    play(tmp_path, story)


def test_what_is_known_of_endpoints_reaches_every_worker_and_those_that_come_behind_their_snapshot(
    tmp_path: Path,
) -> None:
    known = {"orders": Known((Endpoint("http", "127.0.0.1", 8101),))}

    async def story(scene: Stage) -> None:
        first = await scene.worker(0, generation=1)
        assert first.endpoints == []
        scene.hub.settle_on_endpoints(known)
        await until(lambda: first.endpoints == [to_json(known)])
        late = await scene.worker(1, generation=2, revision="r0")
        await until(lambda: late.endpoints == [to_json(known)])
        assert late.seen == ["r1"]
        scene.hub.settle_on_endpoints({})
        await until(lambda: first.endpoints[1:] == late.endpoints[1:] == [{}])

    play(tmp_path, story)


def test_what_a_route_has_left_is_told_to_those_that_are_there(tmp_path: Path) -> None:
    async def story(scene: Stage) -> None:
        workers = [await scene.worker(number, generation=number + 1) for number in range(2)]
        scene.plane.close_left(["cart"])
        await until(lambda: all(worker.closed_left == ["cart"] for worker in workers))

    play(tmp_path, story)


def test_a_link_that_is_cut_because_the_process_ends_is_no_failure(tmp_path: Path) -> None:
    async def story(scene: Stage) -> None:
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
        before = asyncio.all_tasks()
        await scene.worker()
        handlers = [task for task in asyncio.all_tasks() - before if "_on_connection" in repr(task.get_coro())]
        assert len(handlers) == 1
        handlers[0].cancel()
        await until(lambda: not scene.hub.peers())
        await asyncio.wait(handlers)
        await asyncio.sleep(0)  # its callbacks have run by then
        assert failures == []

    play(tmp_path, story)


def test_more_may_come_of_workers_that_live_or_are_connected(tmp_path: Path) -> None:
    async def story(scene: Stage) -> None:
        assert scene.hub.may_count(7), "nobody has said yet who lives"
        await scene.worker(0, generation=1)
        scene.hub.keep_only([2])
        assert [scene.hub.may_count(generation) for generation in (1, 2, 3)] == [True, True, False]

    play(tmp_path, story)
