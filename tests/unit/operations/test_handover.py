"""What is asked of a handover, and what is told of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.config.model import Stage
from proxy.operations.errors import Code, OperationError
from proxy.operations.handover import handovers_of, ownership, read_order, samples, stream
from proxy.rollout.ports import HandoverOrder
from tests.support.two_sides import Scene, play


async def lines(scene: Scene, **asked: Any) -> list[dict[str, Any]]:
    order = read_order(asked, "group", "shop", scene.snapshot, "operator")
    return [json.loads(line) async for line in stream(scene.handovers, order, scene.snapshot)]


def test_a_handover_is_told_from_its_plan_to_its_end(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        told = await lines(scene, because="it is time")
        assert [line["event"] for line in told] == ["plan", *["step"] * 5, "end"]
        assert (told[0]["routes"], told[0]["stay"], told[0]["epoch"]) == (["orders", "stock"], ["look"], 2)
        end = told[-1]
        assert (end["ending"], end["held"]["released"], end["epoch"], end["problem"]) == ("done", 3, 2, "")
        back = await lines(scene, back=True)
        assert set(back[0]["written_since_cutover"]) == {"order", "stock"}
        assert scene.stages()["orders"] is Stage.LEGACY

    play(tmp_path, story)


def test_a_dry_run_touches_nothing(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        assert [line["event"] for line in await lines(scene, dry_run=True)] == ["plan", "end"]
        assert all(call.startswith("status") for call in scene.sides.calls)

    play(tmp_path, story)


def test_a_refusal_comes_before_the_first_line(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(OperationError, match="written by the monolith already") as caught:
            await lines(scene, back=True)
        assert caught.value.code is Code.REFUSED

    play(tmp_path, story)


def test_sides_that_are_not_in_step_are_told_with_numbers(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.sides.bus_works = False
        scene.sides.everybody_writes()
        end = (await lines(scene))[-1]
        assert end["ending"] == "refused"
        assert "the services have yet to hear" in end["problem"]
        assert "handover.drain_timeout" in end["hint"]

    play(tmp_path, story)


def test_what_leads_back_is_told_as_the_end(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.refusals = ["the file is broken"] * 3
        end = (await lines(scene))[-1]
        assert (end["ending"], end["problem"]) == ("given_back", "the routes cannot follow: the file is broken")

    play(tmp_path, story)


def test_who_stops_reading_stops_nothing(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        order = HandoverOrder(scene.routes(), Stage.CUTOVER, "operator")
        reading = stream(scene.handovers, order, scene.snapshot)
        for _ in range(2):
            await anext(reading)
        await reading.aclose()
        await scene.settle()
        assert scene.writer() == "service"

    play(tmp_path, story)


def test_ownership_is_shown_with_what_is_under_way(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await scene.handovers.begin(HandoverOrder(scene.routes(), Stage.CUTOVER, "alice"))
        shown = await ownership(scene.handovers)
        assert shown["running"][0]["id"] == "order+stock@2"
        await scene.settle()
        shown = await ownership(scene.handovers)
        assert {name: one["owner"] for name, one in shown["entities"].items()} == {
            "order": "service",
            "stock": "service",
        }
        assert (shown["running"], shown["problem"]) == ([], None)
        scene.sides.dead = {"orders"}
        assert "orders does not answer" in (await ownership(scene.handovers))["problem"]
        names = {(sample.name, sample.labels): sample.value for sample in samples(scene.handovers)}
        assert names["strangler_handovers_total", (("ending", "done"), ("to", "cutover"))] == 1

    play(tmp_path, story)


@pytest.mark.parametrize(
    "asked", [{"back": 1}, {"unknown": True}, {"because": 7}, {"because": "x" * 501}, {"force": True}]
)
def test_what_is_asked_must_make_sense(tmp_path: Path, asked: dict[str, object]) -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(OperationError) as caught:
            read_order(asked, "route", "orders", scene.snapshot, "operator")
        assert caught.value.code is Code.INVALID

    play(tmp_path, story)


def test_an_order_is_read_as_that_of_a_move_is(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        serves = scene.snapshot.revision
        asked = {"who": "ann\x1b[2J", "because": "it\nmust", "force": True, "back": True, "revision": serves}
        order = read_order(asked, "route", "orders", scene.snapshot, "operator")
        assert (order.who, order.because) == ("operator (ann[2J)", "itmust")
        assert (order.force, order.to) == (True, Stage.LEGACY)
        with pytest.raises(OperationError, match="look again before you move anything") as caught:
            read_order(asked | {"revision": "r-old"}, "route", "orders", scene.snapshot, "operator")
        assert (caught.value.code, caught.value.data) == (Code.REFUSED, {"revision": serves})

    play(tmp_path, story)


def test_a_name_that_nothing_has_is_said(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(OperationError, match='no group is named "orders"'):
            read_order({}, "group", "orders", scene.snapshot, "operator")
        assert [route.name for route in read_order({}, "route", "orders", scene.snapshot, "operator").routes] == [
            "orders"
        ]

    play(tmp_path, story)


def test_where_nobody_hands_over_that_is_said() -> None:
    with pytest.raises(OperationError):
        handovers_of(None)
    assert samples(None) == []
