"""Holds in every worker, told as stories with scripted workers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.config.moving import Handover
from proxy.control import holder as holder_module
from proxy.control.holder import Holder
from proxy.control.holds_file import read_holds
from proxy.observability.log import Log
from tests.support.control import Stage, stage, until
from tests.support.processes import PATIENCE_S

SETTINGS = Handover(hold_timeout=timedelta(seconds=5), queue=10)
Story = Callable[[Stage, Holder, list[int]], Awaitable[None]]


def play(tmp_path: Path, story: Story) -> None:
    async def told() -> None:
        async with stage(tmp_path) as scene:
            replaced: list[int] = []
            holder = Holder(scene.hub, str(tmp_path), replaced.append, Log("control", scene.output))
            await story(scene, holder, replaced)

    asyncio.run(told())


def test_every_worker_holds_and_one_that_starts_begins_with_it(tmp_path: Path) -> None:
    async def story(scene: Stage, holder: Holder, replaced: list[int]) -> None:
        workers = [await scene.worker(0, generation=1), await scene.worker(1, generation=2)]
        await holder.begin("h", ("orders",), SETTINGS)
        assert [worker.held for worker in workers] == [["h"], ["h"]]
        (kept,) = read_holds(str(tmp_path))
        assert (kept.id, kept.routes, kept.timeout, kept.queue) == ("h", ("orders",), 5.0, 10)
        late = await scene.worker(0, generation=3)
        await until(lambda: late.held == ["h"])
        await holder.release("h")
        assert [worker.held for worker in (*workers, late)] == [[], [], []]
        assert read_holds(str(tmp_path)) == []
        assert replaced == []

    play(tmp_path, story)


def test_a_worker_that_does_not_acknowledge_is_replaced_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder_module, "ACK_SECONDS", 1.0)

    async def story(scene: Stage, holder: Holder, replaced: list[int]) -> None:
        await scene.worker(0, generation=1)
        silent = await scene.worker(1, generation=2, mute=True)
        await holder.begin("h", ("orders",), SETTINGS)
        assert replaced == [2]
        assert "hold_not_acknowledged" in scene.output.getvalue()
        silent.mute = False
        await holder.release("h")

    play(tmp_path, story)


def test_what_became_of_held_writes_is_added_up_over_the_workers(tmp_path: Path) -> None:
    async def story(scene: Stage, holder: Holder, _replaced: list[int]) -> None:
        one, other = await scene.worker(0, generation=1), await scene.worker(1, generation=2)
        await holder.begin("h", ("orders",), SETTINGS)
        one.tells = {"released": 3, "expired": 1, "longest": 0.5}
        other.tells = {"released": 4, "full": 2, "client_gone": 1, "longest": 1.5}
        held = await holder.release("h")
        assert (held.released, held.expired, held.full, held.client_gone, held.longest) == (7, 1, 2, 1, 1.5)

    play(tmp_path, story)


def test_it_waits_for_writes_under_way_and_not_for_ever(tmp_path: Path) -> None:
    async def story(scene: Stage, holder: Holder, _replaced: list[int]) -> None:
        worker = await scene.worker(0, generation=1)
        worker.tells = {"under_way": 2}
        await holder.begin("h", ("orders",), SETTINGS)
        assert await holder.wait_until_quiet("h", 0.05) == 2
        worker.tells = {"under_way": 0}
        assert await holder.wait_until_quiet("h", PATIENCE_S) == 0
        await holder.release("h")

    play(tmp_path, story)


def test_a_hold_is_renewed_and_after_long_nobody_is_made_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder_module, "RENEW_SECONDS", 0.01)

    async def story(scene: Stage, holder: Holder, _replaced: list[int]) -> None:
        await scene.worker(0, generation=1)
        await holder.begin("h", ("orders",), Handover(hold_timeout=timedelta(milliseconds=50), queue=10))
        (first,) = read_holds(str(tmp_path))
        await until(lambda: read_holds(str(tmp_path))[0].until > first.until)
        await until(lambda: read_holds(str(tmp_path))[0].queue == 0)
        await holder.release("h")
        assert read_holds(str(tmp_path)) == []

    play(tmp_path, story)


def test_what_a_process_before_this_one_held_is_let_go(tmp_path: Path) -> None:
    async def story(scene: Stage, holder: Holder, _replaced: list[int]) -> None:
        worker = await scene.worker(0, generation=1)
        worker.held = ["of another process"]
        await holder.hold_nothing()
        assert worker.held == []

    play(tmp_path, story)
