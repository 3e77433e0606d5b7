"""Rollouts in the control process: from what workers count to what is moved, and through its mistakes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from proxy.config.model import Snapshot
from proxy.config.moving import Bound, Gate, GateKind, Gates, Limit
from proxy.control import rolling as module
from proxy.operations.rollouts import rollouts, samples
from proxy.rollout.ports import Move, Moved, Outcome
from tests.support.control import Stage, stage, until
from tests.support.counted import answers, batch
from tests.support.rolling import rolling
from tests.support.routing import snapshot

GATES = Gates(
    timedelta(seconds=1),
    (
        Gate("samples", GateKind.SAMPLES, Limit(Bound.AT_LEAST, 10)),
        Gate("error_rate", GateKind.ERROR_RATE, Limit(Bound.AT_MOST, 0.01)),
    ),
)


class Mover:
    def __init__(self) -> None:
        self.moves: list[Move] = []

    async def move(self, moves: Sequence[Move]) -> Moved:
        self.moves += moves
        return Moved("r2", "")


Story = Callable[[Stage, Mover], Awaitable[None]]


def at_canary(tmp_path: Path) -> Snapshot:
    return snapshot(rolling(gates=GATES, window=1.0, hold=0.0), state_dir=str(tmp_path / "state"))


def play(tmp_path: Path, story: Story) -> None:
    async def told() -> None:
        async with stage(tmp_path) as found:
            plane, mover = found.plane, Mover()
            plane.rolling = module.Rolling(plane.hub, plane.comparing, at_canary(tmp_path), plane._log, lambda: mover)
            plane.active = replace(plane.active, snapshot=at_canary(tmp_path))
            running = asyncio.create_task(plane.rolling.run())
            try:
                await story(found, mover)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    asyncio.run(told())


def test_what_workers_count_moves_a_route_back(tmp_path: Path) -> None:
    async def story(found: Stage, mover: Mover) -> None:
        worker = await found.worker()
        worker.link.send({"type": "counters", "batch": batch("r", answers(9), answers(9))})
        await until(lambda: bool(found.plane.rolling.describe()["rollouts"]))
        worker.link.send({"type": "counters", "batch": batch("r", answers(9), answers(59, 50))})
        await until(lambda: bool(mover.moves))
        assert (mover.moves[0].verb, mover.moves[0].after.stage) == ("rollback", "legacy")
        shown = rollouts(found.plane)
        assert shown["leads"] is True
        assert shown["rollouts"][0]["notes"][-1]["did"] == "rolled back"

    play(tmp_path, story)


def test_the_route_is_shown_and_measured_for_whoever_asks(tmp_path: Path) -> None:
    async def story(found: Stage, _mover: Mover) -> None:
        await until(lambda: bool(found.plane.rolling.describe()["rollouts"]))
        shown = rollouts(found.plane)["rollouts"][0]
        assert (shown["route"], shown["weight"], shown["next"]) == ("r", 0.01, 0.05)
        assert [one["gate"] for one in shown["gates"]] == ["samples", "error_rate"]
        json.dumps(shown, allow_nan=False)
        read = await found.plane.rolling.read_gates(found.plane.active.snapshot.routes[0])
        assert [one.outcome for one in read] == [Outcome.WAIT, Outcome.WAIT]
        told = {(sample.name, sample.labels): sample.value for sample in samples(found.plane)}
        assert told["strangler_rollout_weight", (("route", "r"),)] == 0.01
        assert told["strangler_gate", (("gate", "samples"), ("outcome", "wait"), ("route", "r"))] == 1
        assert told["strangler_gate_value", (("gate", "samples"), ("route", "r"))] == 0
        assert told["strangler_rollout_leads", ()] == 1

    play(tmp_path, story)


def test_a_second_server_on_the_folder_says_that_it_watches(tmp_path: Path) -> None:
    async def story(found: Stage, mover: Mover) -> None:
        await until(lambda: found.plane.rolling.controller.leads)
        plane = found.plane
        second = module.Rolling(plane.hub, plane.comparing, at_canary(tmp_path), plane._log, lambda: mover)
        await second._look_safely()
        assert second.describe()["lease"] == "another server on this state folder moves routes"
        assert second.describe()["leads"] is False
        assert second.describe()["rollouts"][0]["why"].startswith("only watched")

    play(tmp_path, story)


def test_a_mistake_of_ours_is_told_once_and_the_next_look_is_made(tmp_path: Path) -> None:
    async def story(found: Stage, _mover: Mover) -> None:
        rolling = found.plane.rolling
        await until(lambda: rolling.controller.leads)
        good, rolling._measurer._sources = rolling._measurer._sources, None  # type: ignore[assignment]
        await rolling._look_safely()
        await rolling._look_safely()
        rolling._measurer._sources = good
        await rolling._look_safely()
        assert [json.loads(line)["event"] for line in found.output.getvalue().splitlines()] == ["rollout_look_failed"]

    play(tmp_path, story)


def test_a_plane_measures_and_has_nobody_who_moves_until_it_is_given_one(tmp_path: Path) -> None:
    async def told() -> None:
        async with stage(tmp_path) as found:
            assert found.plane.gatekeeper is found.plane.rolling
            assert found.plane.mover is None

    asyncio.run(told())
