"""Rollouts as transcripts: what is done, told and remembered, second by second, on a clock that obeys."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from proxy.config.model import Route
from proxy.config.moving import Hooks, OnBreach
from proxy.rollout.asking import Answer, NoAnswer
from proxy.rollout.controller import SAVE_SECONDS, WHO
from proxy.rollout.ports import Position
from tests.support.counted import answers
from tests.support.rolling import BAD, BLIND, GOOD, WAITS, World, rolling

ASK, TELL = "http://hook/ask", "http://hook/tell"


def play(story: Callable[[World], Awaitable[None]], *routes: Route) -> World:
    world = World(*(routes or (rolling(),)))
    asyncio.run(_told(story, world))
    return world


async def _told(story: Callable[[World], Awaitable[None]], world: World) -> None:
    await story(world)


def weights(world: World) -> list[float | None]:
    return [move.after.weight for move in world.mover.moves]


def test_a_route_goes_from_step_to_step_by_itself_and_keeps_a_share_for_the_monolith_until_the_last() -> None:
    async def story(world: World) -> None:
        await world.passes(60)
        assert weights(world) == []
        await world.passes(1)
        assert weights(world) == [0.05]
        await world.passes(60 * 4)
        assert weights(world) == [0.05, 0.25, 0.95, 1.0]
        await world.passes(1000)

    world = play(story)
    assert weights(world) == [0.05, 0.25, 0.95, 1.0]
    assert {(move.verb, move.who) for move in world.mover.moves} == {("promote", WHO)}
    assert world.mover.moves[0].because == "all gates hold at 1%"
    assert world.mover.moves[0].before == Position(world.mover.routes["r"].stage, 0.01)
    assert [one["gate"] for one in world.mover.moves[0].evidence["gates"]] == ["samples", "error_rate"]
    assert (world.shown()["doing"], world.shown()["next"]) == ("finish", None)
    assert [note["did"] for note in world.shown()["notes"]] == [
        "1% → 5%", "5% → 25%", "25% → 95%", "95% → 100%", "finished",
    ]  # fmt: skip
    assert world.events == ["rollout_step"] * 4 + ["rollout_told"]


def test_a_broken_gate_rolls_back_at_the_next_look_whatever_the_hold_says() -> None:
    async def story(world: World) -> None:
        await world.passes(5)
        world.gates.said["r"] = BAD
        await world.passes(1)
        assert world.mover.made == [("r", "rollback", "legacy", None)]
        await world.passes(100)

    world = play(story)
    assert len(world.mover.moves) == 1
    assert world.mover.moves[0].because == "error_rate is broken: 40 of 100 answers failed"
    shown = world.shown()
    assert (shown["stage"], shown["weight"], shown["doing"]) == ("legacy", None, "rolled back")
    assert shown["notes"][-1] == {
        "at": "2026-11-22T12:00:06+00:00",
        "did": "rolled back",
        "why": "error_rate is broken: 40 of 100 answers failed",
    }


def test_at_the_last_step_a_broken_gate_still_rolls_back() -> None:
    async def story(world: World) -> None:
        await world.passes(100)
        world.gates.said["r"] = BAD
        await world.passes(1)

    assert play(story, rolling(weight=1.0)).mover.made == [("r", "rollback", "legacy", None)]


@pytest.mark.parametrize(
    ("said", "why"), [(WAITS, "samples waits: 3 of 500"), (BLIND, "match_rate cannot be measured")]
)
def test_with_too_little_traffic_or_what_cannot_be_measured_it_waits_and_says_so(said, why: str) -> None:
    async def story(world: World) -> None:
        world.gates.said["r"] = said
        await world.passes(10_000)
        assert world.shown()["why"].startswith(why)
        world.gates.said["r"] = GOOD
        await world.passes(1)

    world = play(story)
    assert weights(world) == [0.05]


def test_on_breach_pause_leaves_the_users_where_they_are_and_the_route_to_people() -> None:
    async def story(world: World) -> None:
        await world.passes(2)
        world.gates.said["r"] = BAD
        await world.passes(50)

    world = play(story, rolling(weight=0.25, on_breach=OnBreach.PAUSE))
    assert [(move.verb, move.after) for move in world.mover.moves] == [
        ("pause", Position(world.mover.routes["r"].stage, 0.25, paused=True))
    ]
    assert world.shown()["why"] == "paused"


def test_on_breach_alert_tells_once_and_again_when_it_had_been_well_between() -> None:
    async def story(world: World) -> None:
        for said in (BAD, WAITS, BAD):  # no news: it never was well
            world.gates.said["r"] = said
            await world.passes(3)
        assert world.events == ["rollout_told"]
        world.gates.said["r"] = GOOD
        await world.passes(1)
        world.gates.said["r"] = BAD
        await world.passes(3)

    world = play(story, rolling(on_breach=OnBreach.ALERT))
    assert world.mover.moves == []
    assert world.events == ["rollout_told"] * 2


@pytest.mark.parametrize("route", [rolling(paused=True), rolling(steps=())], ids=["paused", "without steps"])
def test_what_people_move_is_measured_and_left_alone(route: Route) -> None:
    async def story(world: World) -> None:
        await world.passes(100)
        world.gates.said["r"] = BAD
        await world.passes(100)

    world = play(story, route)
    assert world.mover.moves == []
    assert world.shown()["gates"][0]["outcome"] == "breach"
    assert world.output.getvalue() == ""
    assert (world.controller.leads, world.keeper.saves) == (False, 0), "there is nothing to lead, or to remember"


def test_a_dry_run_is_told_once_for_each_step_and_moves_nothing() -> None:
    async def story(world: World) -> None:
        await world.passes(200)
        assert [note["did"] for note in world.shown()["notes"]] == ["would step (dry_run)"]
        world.restart()
        await world.passes(200)
        world.gates.said["r"] = BAD
        await world.passes(5)

    world = play(story, rolling(dry_run=True))
    assert world.mover.moves == []
    assert [(note["did"], note["why"]) for note in world.shown()["notes"]] == [
        ("would step (dry_run)", "all gates pass: to 5%"),
        ("would roll back (dry_run)", "error_rate is broken: 40 of 100 answers failed"),
    ]


def test_a_restart_goes_on_with_the_hold_and_repeats_no_step() -> None:
    async def story(world: World) -> None:
        await world.passes(40)
        world.restart()
        await world.passes(15)
        assert weights(world) == []
        await world.passes(int(SAVE_SECONDS) + 6)  # what a kill may cost
        assert weights(world) == [0.05]
        world.restart()
        await world.passes(55)
        assert weights(world) == [0.05]
        await world.passes(10)
        assert weights(world) == [0.05, 0.25]

    play(story)


def test_time_in_which_nobody_looked_brings_no_step_nearer() -> None:
    async def story(world: World) -> None:
        await world.passes(30)
        world.day += timedelta(days=3)
        world.restart(seconds=500_000)
        await world.passes(20)
        assert weights(world) == []

    play(story)


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_a_clock_that_jumps_steps_neither_early_nor_late(jump: timedelta) -> None:
    async def story(world: World) -> None:
        await world.passes(30)
        world.day += jump
        await world.passes(30)
        assert weights(world) == []
        await world.passes(1)
        assert weights(world) == [0.05]

    play(story)


def test_a_kill_between_the_move_and_what_is_kept_of_it_neither_repeats_nor_skips_it() -> None:
    async def story(world: World) -> None:
        await world.passes(60)
        kept = world.keeper.text
        await world.passes(1)
        assert weights(world) == [0.05]
        world.keeper.text = kept
        world.restart()
        await world.passes(60)
        assert weights(world) == [0.05]
        await world.passes(1)
        assert weights(world) == [0.05, 0.25]

    play(story)


def test_a_weight_that_a_person_wrote_begins_a_hold_of_its_own() -> None:
    async def story(world: World) -> None:
        await world.passes(59)
        world.mover.set("r", world.mover.routes["r"].stage, 0.02)
        await world.passes(60)
        assert weights(world) == []
        await world.passes(1)
        assert weights(world) == [0.05]

    play(story)


def test_a_hold_begins_anew_when_a_person_resumes() -> None:
    async def story(world: World) -> None:
        await world.passes(59)
        canary = world.mover.routes["r"].stage
        world.mover.set("r", canary, 0.01, paused=True)
        await world.passes(100)
        world.mover.set("r", canary, 0.01)
        await world.passes(59)
        assert weights(world) == []
        await world.passes(2)
        assert weights(world) == [0.05]

    play(story)


def test_a_step_that_is_refused_is_tried_again_after_longer_and_longer_pauses_and_told_once() -> None:
    async def story(world: World) -> None:
        world.mover.refuses = "the file has changed meanwhile"
        await world.passes(300)
        assert world.shown()["why"] == "kept back: the file has changed meanwhile"
        world.mover.refuses = None
        await world.passes(61)
        assert weights(world) == [0.05]

    world = play(story)
    assert world.events == ["rollout_move_refused", "rollout_kept_back", "rollout_step"]


def test_a_rollback_that_is_refused_is_tried_at_every_look() -> None:
    async def story(world: World) -> None:
        world.gates.said["r"] = BAD
        world.mover.refuses = "the disk is full"
        await world.passes(10)
        world.mover.refuses = None
        await world.passes(1)

    world = play(story)
    assert world.mover.made == [("r", "rollback", "legacy", None)]
    assert world.events == ["rollout_move_refused", "rollout_left"]


def test_a_mistake_of_ours_in_moving_one_route_leaves_the_others_watched() -> None:
    async def story(world: World) -> None:
        world.mover.mistake = True
        world.gates.said["r"] = BAD
        await world.passes(3)
        assert world.shown("s")["doing"] == "hold"

    assert play(story, rolling(), rolling("s")).events == ["rollout_move_refused"]


def test_a_mistake_of_ours_in_reading_one_route_leaves_the_others_watched() -> None:
    async def story(world: World) -> None:
        world.gates.said["r"] = None  # type: ignore[assignment]
        world.gates.said["s"] = BAD
        await world.passes(3)

    world = play(story, rolling(), rolling("s"))
    assert world.mover.made == [("s", "rollback", "legacy", None)]
    assert world.events == ["rollout_look_failed", "rollout_left"]


def test_a_hook_that_says_no_or_nothing_keeps_the_step_back_until_it_says_yes() -> None:
    async def story(world: World) -> None:
        world.asks.answers[ASK] = Answer(503, b"secret")
        await world.passes(62)
        assert world.shown()["why"] == "kept back: the hook before_step answered 503"
        world.asks.answers[ASK] = NoAnswer("no answer within 5 s")
        await world.passes(30)
        assert world.shown()["why"] == "kept back: the hook before_step gave no answer within 5 s"
        assert weights(world) == []
        world.asks.answers[ASK] = Answer(204, b"")
        await world.passes(70)
        assert weights(world) == [0.05]

    world = play(story, rolling(hooks=Hooks(before_step=ASK)))
    url, body = world.asks.asked[0]
    assert url == ASK
    assert body is not None
    assert (body["route"], body["from"], body["to"]) == ("r", 0.01, 0.05)
    assert [one["outcome"] for one in body["readings"]] == ["pass", "pass"]
    assert len(world.asks.asked) < 12, "it is asked again after a pause that grows"
    assert "secret" not in world.output.getvalue()


def test_a_hook_that_is_asked_holds_nobody_up() -> None:
    class Slow:
        async def ask(self, url: str, *, seconds: float, body: bytes | None = None) -> Answer:
            await asyncio.Event().wait()
            raise AssertionError

    async def story(world: World) -> None:
        world.controller._hooks._asks = Slow()
        await world.passes(63)
        assert world.shown()["why"] == "the hook before_step is asked"
        world.gates.said["r"] = BAD
        await world.passes(1)
        assert world.mover.made == [("r", "rollback", "legacy", None)]
        world.controller._hooks.close()

    play(story, rolling(hooks=Hooks(before_step=ASK)))


def test_a_hook_is_told_of_a_rollback_and_its_failure_is_logged() -> None:
    async def story(world: World) -> None:
        world.asks.answers[TELL] = Answer(500, b"")
        world.gates.said["r"] = BAD
        await world.passes(2)
        await asyncio.sleep(0)

    world = play(story, rolling(hooks=Hooks(after_rollback=TELL)))
    assert [(url, body and body["because"]) for url, body in world.asks.asked] == [
        (TELL, "error_rate is broken: 40 of 100 answers failed")
    ]
    assert world.events == ["rollout_left", "hook_failed"]


def test_routes_of_a_group_step_together_when_the_slowest_may() -> None:
    async def story(world: World) -> None:
        world.gates.said["b"] = WAITS
        await world.passes(100)
        assert world.mover.moves == []
        assert world.shown("a")["why"] == "route b of its group is not ready"
        world.gates.said["b"] = GOOD
        await world.passes(1)
        assert world.mover.made == [("a", "promote", "canary", 0.05), ("b", "promote", "canary", 0.05)]
        await world.passes(3)
        world.gates.said["a"] = BAD
        await world.passes(1)

    world = play(story, rolling("a", group="g"), rolling("b", group="g"))
    back = [move for move in world.mover.moves if move.verb == "rollback"]
    assert [move.route for move in back] == ["a", "b"]
    assert back[1].because == "error_rate is broken: route a of its group: 40 of 100 answers failed"


def test_who_does_not_lead_watches_and_says_so_until_it_does() -> None:
    async def story(world: World) -> None:
        world.lease.ours = False
        world.gates.said["r"] = BAD
        await world.passes(100)
        assert world.mover.moves == []
        assert world.shown()["why"] == "only watched: another server on this state folder moves routes"
        assert world.shown()["gates"][0]["outcome"] == "breach"
        assert world.keeper.saves == 0
        world.lease.ours = True
        await world.passes(1)

    assert play(story).mover.made == [("r", "rollback", "legacy", None)]


def test_who_begins_to_lead_goes_on_from_what_the_one_before_has_kept() -> None:
    async def story(world: World) -> None:
        await world.passes(58)
        second = world.a_controller()
        world.lease.ours = False
        second.follow(world.mover.routes.values())
        await second.tick()
        world.lease.ours = True
        world.controller = second
        await world.passes(8)
        assert weights(world) == [0.05]

    play(story)


def test_without_anybody_who_moves_it_holds_and_says_so() -> None:
    async def story(world: World) -> None:
        world.controller._mover = lambda: None
        await world.passes(70)
        assert world.shown()["why"] == "kept back: nothing here can move a route"

    play(story)


def test_the_last_answers_of_the_monolith_outlive_a_restart() -> None:
    async def story(world: World) -> None:
        world.baselines["r"] = answers(900, 3)
        await world.passes(1)
        world.baselines.clear()
        world.restart()
        await world.passes(1)
        assert world.baselines == {"r": answers(900, 3)}

    play(story, rolling(weight=1.0))


def test_a_route_that_is_no_more_is_forgotten() -> None:
    async def story(world: World) -> None:
        await world.passes(1)
        del world.mover.routes["r"]
        await world.passes(1)
        assert world.controller.describe() == []

    play(story)


def test_what_was_done_before_a_restart_is_shown_after_it_though_nothing_rolls_any_more() -> None:
    async def story(world: World) -> None:
        world.gates.said["r"] = BAD
        await world.passes(2)
        world.restart()
        await world.passes(20)
        assert world.shown()["notes"][-1]["did"] == "rolled back"
        assert not world.controller.leads

    play(story)


def test_what_is_kept_is_written_when_something_was_decided_and_else_now_and_then() -> None:
    async def story(world: World) -> None:
        await world.passes(1)
        before = world.keeper.saves
        world.gates.said["r"] = WAITS
        await world.passes(50)
        assert world.keeper.saves - before == 50 // SAVE_SECONDS

    play(story)
