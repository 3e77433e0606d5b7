"""Handovers as transcripts: what is asked in which order, and what becomes of them when anything fails anywhere.

Both sides write whenever they may, in every call; the fakes see to it that never two own and that none begins too soon.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.config.model import Stage
from proxy.config.moving import Handover, Moving, Writes
from proxy.control.handover_file import FILE
from proxy.control.sync_peers import PeerFailure
from proxy.rollout.handover import Ending, State
from proxy.rollout.ports import HandoverOrder, MoveRefused
from tests.support.two_sides import Fault, Scene, TwoSides, play

SETTINGS = Handover(hold_timeout=timedelta(seconds=1), drain_timeout=timedelta(seconds=1))
FORWARD, BACK = Stage.CUTOVER, Stage.LEGACY


async def hand_over(scene: Scene, to: Stage) -> str:
    """The side that writes in the end, everything and where the routes lead; with whatever was refused."""
    try:
        await scene.handovers.hand_over(HandoverOrder(scene.routes(), to, "alice", "because"))
    except MoveRefused as refusal:
        return f"{scene.writer()}: {refusal.message}"
    return scene.writer()


async def hand_over_or_die(scene: Scene, to: Stage, faults: dict[int, Fault]) -> None:
    """Until all is over, by the process that comes next where the first one dies of a fault."""
    scene.sides.faults = faults
    asking = asyncio.create_task(hand_over(scene, to))
    dying = asyncio.create_task(scene.sides.died.wait())
    await asyncio.wait({asking, dying}, return_when=asyncio.FIRST_COMPLETED)
    if dying.done():
        await scene.restart()
    await scene.settle()
    asking.cancel()
    dying.cancel()


def asked(scene: Scene) -> list[str]:
    return [each for each in scene.sides.calls if not each.startswith("status")]


def test_writing_goes_to_the_services_and_back(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        assert await hand_over(scene, FORWARD) == "service"
        assert asked(scene) == ["fence monolith 2", "own orders 2", "own inventory 2"]
        assert scene.holds.diary[1:] == ["hold orders,stock", "move orders:cutover,stock:cutover", "release"]
        scene.sides.calls.clear()
        assert await hand_over(scene, BACK) == "legacy"
        assert asked(scene) == ["fence orders 3", "fence inventory 3", "own monolith 3"]
        assert scene.handovers.endings == {("cutover", Ending.DONE): 1, ("legacy", Ending.DONE): 1}

    play(tmp_path, story, settings=SETTINGS)


def test_routes_that_write_nothing_stay(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await hand_over(scene, FORWARD)
        assert scene.stages()["look"] is Stage.LEGACY

    play(tmp_path, story)


def test_what_was_written_since_cutover_is_counted(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await hand_over(scene, FORWARD)
        for _ in range(5):
            scene.sides.everybody_writes()
        scene.sides.deliver()
        since = scene.handovers.since_cutover(await scene.handovers.look())
        assert since["order"] >= 5
        assert set(since) == {"order", "stock"}

    play(tmp_path, story)


# failures, at every call there is


def count_calls(tmp_path: Path, to: Stage) -> int:
    counted = []

    async def story(scene: Scene) -> None:
        if to is BACK:
            await hand_over(scene, FORWARD)
            scene.sides.calls.clear()
        await hand_over(scene, to)
        counted.append(len(scene.sides.calls))

    play(tmp_path, story, settings=SETTINGS)
    return counted[0]


@pytest.mark.parametrize("fault", ["before", "after", "refuse"])
@pytest.mark.parametrize("to", [FORWARD, BACK])
def test_one_call_that_fails_anywhere_leaves_one_writer_and_the_routes_with_it(
    tmp_path: Path, to: Stage, fault: str
) -> None:
    ends = []
    for number in range(1, count_calls(tmp_path / "counted", to) + 1):

        async def story(scene: Scene, number: int = number) -> None:
            if to is BACK:
                await hand_over(scene, FORWARD)
                scene.sides.calls.clear()
            scene.sides.faults = {number: fault}
            ends.append((await hand_over(scene, to)).partition(":")[0])
            assert not scene.holds.holds

        play(tmp_path / str(number), story, settings=SETTINGS)
    assert set(ends) <= {"service", "legacy"}
    assert len(set(ends)) == 2, "neither way was tried"


OWNED_AT_THE_START = {
    "all by the side that takes": {"order": FORWARD, "stock": FORWARD},
    "some by the side that takes": {"order": BACK, "stock": FORWARD},
    "some by nobody": {"order": BACK, "stock": None},
    "all by nobody": {"order": None, "stock": None},
}


def begin_at(scene: Scene, to: Stage, owners: Mapping[str, Stage | None]) -> None:
    """The routes are not where they are to go, and each entity is owned as `owners` says it for a way forward."""
    for entity, owner in owners.items():
        if to is BACK and owner is not None:
            owner = BACK if owner is FORWARD else FORWARD
        scene.sides.rows["legacy"][entity].owner = "legacy" if owner is BACK else "service"
        scene.sides.rows["service"][entity].owner = "service" if owner is FORWARD else "legacy"
    routes = tuple(replace(route, stage=BACK if to is FORWARD else FORWARD) for route in scene.snapshot.routes)
    scene.snapshot = replace(scene.snapshot, routes=routes)


def place_of_all(scene: Scene) -> tuple[object, object]:
    return {entity: scene.sides.owners(entity) for entity in scene.sides.rows["legacy"]}, scene.stages()


@pytest.mark.parametrize("owners", OWNED_AT_THE_START.values(), ids=OWNED_AT_THE_START)
@pytest.mark.parametrize("fault", ["after", "refuse", "die after"])
@pytest.mark.parametrize("to", [FORWARD, BACK])
def test_whoever_owned_at_the_start_one_call_that_fails_leaves_one_writer_or_everything_as_it_was(
    tmp_path: Path, to: Stage, fault: str, owners: Mapping[str, Stage | None]
) -> None:
    moved, calls = 0, 1
    for number in range(1, 25):
        if number > calls + 1:
            break

        async def story(scene: Scene, number: int = number) -> None:
            nonlocal moved, calls
            begin_at(scene, to, owners)
            first = place_of_all(scene)
            await hand_over_or_die(scene, to, {number: fault})
            calls = len(scene.sides.calls)
            moved += scene.writer() == ("service" if to is FORWARD else "legacy")
            assert place_of_all(scene) == first or scene.writer() in ("service", "legacy"), scene.sides.calls

        play(tmp_path / str(number), story, settings=SETTINGS)
    assert moved


def test_what_the_side_that_takes_owns_already_is_neither_fenced_nor_asked_to_own(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        begin_at(scene, FORWARD, {"order": FORWARD, "stock": FORWARD})
        assert await hand_over(scene, FORWARD) == "service"
        assert asked(scene) == []

    play(tmp_path, story, settings=SETTINGS)


@pytest.mark.parametrize("fault", ["die", "die after"])
@pytest.mark.parametrize("to", [FORWARD, BACK])
def test_a_process_that_dies_in_any_call_is_followed_by_one_that_ends_it(tmp_path: Path, to: Stage, fault: str) -> None:
    for number in range(1, count_calls(tmp_path / "counted", to) + 1):

        async def story(scene: Scene, number: int = number) -> None:
            if to is BACK:
                await hand_over(scene, FORWARD)
                scene.sides.calls.clear()
            await hand_over_or_die(scene, to, {number: fault})
            assert scene.sides.died.is_set()
            assert scene.writer() in ("service", "legacy")
            assert await hand_over(scene, to) in (
                "service" if to is FORWARD else "legacy",
                f"{scene.writer()}: order, stock: written by {'the services' if to is FORWARD else 'the monolith'} "
                "already, and the routes lead there",
            )

        play(tmp_path / str(number), story, settings=SETTINGS)


def test_a_process_that_dies_again_and_again_while_it_takes_up_comes_to_an_end(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.sides.faults = dict.fromkeys(range(7, 30, 2), "die after")
        asking = asyncio.create_task(hand_over(scene, FORWARD))
        while scene.sides.faults:
            waiting = asyncio.create_task(scene.sides.died.wait())
            ending = asyncio.create_task(scene.settle())
            await asyncio.wait({waiting, ending}, return_when=asyncio.FIRST_COMPLETED)
            over = not waiting.done()
            waiting.cancel()
            ending.cancel()
            if over:
                break
            scene.sides.died.clear()
            await scene.restart()
        asking.cancel()
        await scene.settle()
        assert scene.writer() in ("service", "legacy")

    play(tmp_path, story, settings=SETTINGS)


# before the fence everything leads back, and behind the drain nothing does


def test_a_side_that_is_to_stop_and_does_not_answer_keeps_writing(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        def dies(call: str) -> None:
            if call.startswith("fence"):
                scene.sides.dead = {"monolith"}

        def comes_back() -> None:
            if scene.time > 1020:
                scene.sides.dead.clear()

        scene.sides.before, scene.on_sleep = dies, comes_back
        assert await hand_over(scene, FORWARD) == "legacy: monolith does not answer"
        assert asked(scene)[-1] == "own monolith 3"

    play(tmp_path, story, settings=SETTINGS)


def test_a_bus_that_stands_still_behind_the_fence_gives_writing_back_without_asking_the_services(
    tmp_path: Path,
) -> None:
    async def story(scene: Scene) -> None:
        def stand_still(call: str) -> None:
            if call.startswith("fence"):
                scene.sides.bus_works = False

        scene.sides.after = stand_still
        scene.sides.everybody_writes()
        said = await hand_over(scene, FORWARD)
        assert said.startswith("legacy: events not heard within 1 s")
        assert asked(scene) == ["fence monolith 2", "own monolith 3"]

    play(tmp_path, story, settings=SETTINGS)


def test_conflicts_that_come_up_give_writing_back(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        def find_conflicts(call: str) -> None:
            if call.startswith("fence"):
                scene.sides.rows["service"]["stock"].conflicts += 2

        scene.sides.after = find_conflicts
        assert "2 of stock" in await hand_over(scene, FORWARD)
        assert scene.writer() == "legacy"

    play(tmp_path, story, settings=SETTINGS)


def test_a_service_that_was_asked_to_own_and_does_not_answer_is_asked_until_it_does(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        def comes_back() -> None:
            if asked(scene)[-1].startswith("own"):
                scene.sides.dead = set() if scene.time > 1030 else {"inventory"}

        def dies(call: str) -> None:
            if scene.time < 1030 and call.startswith("own inventory"):
                scene.sides.dead = {"inventory"}

        scene.sides.before, scene.on_sleep = dies, comes_back
        assert await hand_over(scene, FORWARD) == "service"
        assert asked(scene).count("own orders 2") == 1
        assert asked(scene).count("own inventory 2") > 10

    play(tmp_path, story, settings=SETTINGS)


def test_routes_that_cannot_follow_let_writing_go_back_with_all_that_was_written(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.refusals = ["the file is broken"] * 3
        assert await hand_over(scene, FORWARD) == "legacy: the routes cannot follow: the file is broken"
        assert asked(scene)[3:] == ["fence orders 3", "fence inventory 3", "own monolith 3"]
        assert scene.handovers.endings == {("legacy", Ending.GIVEN_BACK): 1}

    play(tmp_path, story, settings=SETTINGS)


def refuse_to_stop(scene: Scene, who: str) -> None:
    """As one whose token was changed."""

    def refuse(call: str) -> None:
        if call.startswith(f"fence {who} "):
            raise PeerFailure(f"{who} says 401", passing=False)

    scene.sides.before = refuse


def test_a_way_back_that_fails_leads_forward_again_and_the_routes_are_asked_to_follow_until_they_do(
    tmp_path: Path,
) -> None:
    async def story(scene: Scene) -> None:
        refuse_to_stop(scene, "orders")
        scene.refusals = ["the file is broken"] * 20
        assert await hand_over(scene, FORWARD) == "service"
        assert asked(scene)[3:] == ["fence inventory 3", "own orders 4", "own inventory 4"]
        assert scene.refusals == []
        assert scene.time > 1010, "the pauses grow"
        assert scene.handovers.endings == {("cutover", Ending.DONE): 1}

    play(tmp_path, story, settings=SETTINGS)


def test_routes_that_never_follow_are_left_to_whoever_moves_the_same_by_hand(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        def move_by_hand() -> None:
            if len(scene.refusals) == 90:
                for row in scene.sides.rows["service"].values():
                    row.epoch = 9

        refuse_to_stop(scene, "orders")
        scene.refusals = ["the file is broken"] * 100
        scene.on_sleep = move_by_hand
        await hand_over(scene, FORWARD)
        assert scene.handovers.endings == {("cutover", Ending.OVERTAKEN): 1}

    play(tmp_path, story, settings=SETTINGS)


@pytest.mark.parametrize("fault", ["refuse", "die", "die after"])
@pytest.mark.parametrize("to", [FORWARD, BACK])
def test_whatever_fails_on_the_way_back_of_routes_that_cannot_follow_there_is_one_writer_and_they_lead_there(
    tmp_path: Path, to: Stage, fault: str
) -> None:
    ends = set()
    for number in range(8, 26):

        async def story(scene: Scene, number: int = number) -> None:
            if to is BACK:
                await hand_over(scene, FORWARD)
                scene.sides.calls.clear()
            scene.refusals = ["the file is broken"] * 3
            await hand_over_or_die(scene, to, {number: fault})
            ends.add(scene.writer())

        play(tmp_path / str(number), story, settings=SETTINGS)
    assert ends == {"service", "legacy"}


def test_a_defect_of_whoever_moves_routes_strands_none(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.refusals = [ZeroDivisionError("a defect")]
        assert await hand_over(scene, FORWARD) == "service"
        assert "ZeroDivisionError" in scene.log.getvalue()

    play(tmp_path, story, settings=SETTINGS)


def test_routes_that_can_follow_at_the_next_try_do(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.refusals = ["somebody else was faster"]
        assert await hand_over(scene, FORWARD) == "service"

    play(tmp_path, story, settings=SETTINGS)


def test_somebody_who_moves_the_same_by_hand_is_left_to_it(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        def move_by_hand(call: str) -> None:
            if call == "fence monolith 2":
                scene.sides._move("monolith", ["order", "stock"], "legacy", 9)

        scene.sides.after = move_by_hand
        assert (await hand_over(scene, FORWARD)).startswith('legacy: "order" is at epoch 9 there, and this is 2')
        assert scene.handovers.endings == {("cutover", Ending.OVERTAKEN): 1}
        assert await hand_over(scene, FORWARD) == "service"
        assert "own orders 10" in asked(scene)

    play(tmp_path, story, settings=SETTINGS)


def test_the_ledger_is_told_what_was_measured_and_who_insisted_also_after_a_restart(tmp_path: Path) -> None:
    count = count_calls(tmp_path / "counted", FORWARD)

    async def story(scene: Scene) -> None:
        scene.sides.faults = {count: "die after"}
        evidence = {"orders": {"gates": [{"gate": "match_rate"}]}}
        insisting = {"force": True, "despite_conflicts": True}
        await scene.handovers.begin(
            HandoverOrder(scene.routes(), FORWARD, "alice", "it must", **insisting, evidence=evidence)
        )
        await scene.sides.died.wait()
        await scene.restart()
        await scene.settle()
        told = {each.route: each.evidence for each in scene.moved}
        assert told["orders"]["gates"] == [{"gate": "match_rate"}]
        assert all(each["forced"] and each["despite_conflicts"] for each in told.values())
        assert sorted(told) == ["orders", "stock"]

    play(tmp_path, story, settings=SETTINGS)


# what is kept


def test_a_handover_that_cannot_be_kept_does_not_begin(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        (tmp_path / FILE).mkdir()
        assert "handovers.json cannot be written" in await hand_over(scene, FORWARD)
        assert asked(scene) == []
        assert scene.writer() == "legacy"

    play(tmp_path, story, settings=SETTINGS)


@pytest.mark.parametrize("full_from", range(2, 7))
def test_a_disk_that_fills_up_on_the_way_loses_nothing(
    tmp_path: Path, full_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(scene: Scene) -> None:
        written = 0
        write: Callable[..., None] = scene.handovers._file.write

        def fill_up(kept: object) -> None:
            nonlocal written
            written += 1
            if written >= full_from:
                raise OSError(28, "No space left on device")
            write(kept)

        monkeypatch.setattr(scene.handovers._file, "write", fill_up)
        assert (await hand_over(scene, FORWARD)).partition(":")[0] in ("service", "legacy")
        monkeypatch.undo()
        await scene.restart()
        await scene.settle()
        assert scene.writer() in ("service", "legacy"), full_from

    play(tmp_path, story, settings=SETTINGS)


def test_one_that_is_over_and_still_lets_go_is_not_kept_by_another(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        apart = Moving(writes=Writes(("order",)), handover=SETTINGS)
        routes = [replace(each, moving=apart) if each.name == "orders" else each for each in scene.snapshot.routes]
        scene.snapshot = replace(scene.snapshot, routes=tuple(routes))
        gate = scene.holds.gate = asyncio.Event()
        one = await scene.handovers.begin(HandoverOrder(scene.routes("stock"), FORWARD, "alice"))
        await scene.holds.at_gate.wait()
        assert one.record.state is State.RELEASED
        other = await scene.handovers.begin(HandoverOrder(scene.routes("orders"), FORWARD, "bob"))
        await other.over.wait()
        assert json.loads((tmp_path / FILE).read_text())["running"] == []
        gate.set()
        await one.over.wait()

    play(tmp_path, story, settings=SETTINGS)


def test_a_new_handover_uses_an_epoch_above_all_that_were_ever_used(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.sides.rows["service"]["stock"].epoch = 7
        assert await hand_over(scene, FORWARD) == "service"
        assert asked(scene)[0] == "fence monolith 8"

    play(tmp_path, story)


def test_when_nobody_owns_a_handover_to_either_side_mends_it(tmp_path: Path) -> None:
    for to, expected in ((FORWARD, "service"), (BACK, "legacy")):

        async def story(scene: Scene, to: Stage = to, expected: str = expected) -> None:
            scene.sides._move("monolith", ["order", "stock"], "service", 5)
            assert await hand_over(scene, to) == expected

        play(tmp_path / to.value, story)


def test_of_two_servers_on_a_folder_one_leads_and_the_other_takes_over_when_it_ends(tmp_path: Path) -> None:
    count = count_calls(tmp_path / "counted", FORWARD)

    async def story(scene: Scene) -> None:
        scene.sides.faults = {count - 1: "die after"}
        asking = asyncio.create_task(hand_over(scene, FORWARD))
        await scene.sides.died.wait()
        other = Scene(tmp_path, sides=scene.sides, settings=SETTINGS)
        following = asyncio.create_task(other.start())
        with pytest.raises(MoveRefused, match="another server on this state folder leads its handovers"):
            await other.handovers.begin(HandoverOrder(other.routes(), FORWARD, "bob"))
        for _ in range(10):
            await asyncio.sleep(0)
        assert other.handovers.under_way() == []
        await scene.stop()
        asking.cancel()
        await following
        assert [each.record.who for each in other.handovers.under_way()] == ["alice"]
        await other.settle()
        assert other.writer() in ("legacy", "service")
        await other.stop()

    play(tmp_path, story, settings=SETTINGS)


def test_what_is_under_way_cannot_be_handed_over_by_another(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        running = await scene.handovers.begin(HandoverOrder(scene.routes(), FORWARD, "alice"))
        with pytest.raises(MoveRefused, match="a handover of orders, stock is under way"):
            await scene.handovers.begin(HandoverOrder(scene.routes("stock"), BACK, "bob"))
        assert scene.handovers.moving() == {"orders", "stock"}
        await running.over.wait()
        assert scene.handovers.moving() == frozenset()

    play(tmp_path, story)


def test_the_lines_of_a_handover_tell_its_story(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        running = await scene.handovers.begin(HandoverOrder(scene.routes(), FORWARD, "alice"))
        await running.over.wait()
        assert [line["text"] for line in running.lines] == [
            "writes are held",
            "no more writes at the monolith",
            "everything heard by the services",
            "writing now: the services",
            "the routes follow",
        ]
        assert running.handing is not None
        assert (running.handing.held.released, running.handing.held.longest) == (3, 0.25)

    play(tmp_path, story)


def test_both_sides_in_one_are_never_made() -> None:
    """The fake sees what it is there to see."""
    sides = TwoSides()
    sides.rows["service"]["order"].owner = "service"
    with pytest.raises(AssertionError, match="both write order"):
        sides.check()
