"""Rollouts: never on without every gate's pass, never back without a breach, and seldom back by chance."""

import asyncio
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.moving import Gates, OnBreach
from proxy.observability.windows import Answers, Sides, Windows
from proxy.rollout.checks import Matches, Measured, check
from proxy.rollout.decide import Breach, Finish, Status, Step, decide, together
from proxy.rollout.plan import LAST_SPLIT, Plan, next_weight
from proxy.rollout.ports import GateReading, Outcome
from tests.support.counted import answers
from tests.support.rolling import World, rolling

SHARES = st.integers(1, 10_000).map(lambda share: share / 10_000)
STEPS = st.lists(SHARES, max_size=6, unique=True).map(lambda steps: tuple(sorted(steps)))
READINGS = st.lists(st.sampled_from(Outcome), max_size=5).map(
    lambda outcomes: [GateReading(f"g{number}", outcome, "") for number, outcome in enumerate(outcomes)]
)
PLANS = st.builds(Plan, STEPS, st.floats(0, 1e4), st.sampled_from(OnBreach), st.booleans(), st.booleans())
TIMES = st.floats(-1e6, 1e6)
STATUSES = st.builds(Status, SHARES, TIMES, TIMES, st.just("kept back"))


@given(PLANS, STATUSES, READINGS, TIMES)
def test_nothing_steps_while_a_gate_is_not_passed_or_goes_back_without_a_breach(
    plan: Plan, status: Status, readings: Sequence[GateReading], now: float
) -> None:
    action = decide(plan, status, readings, now)
    outcomes = [reading.outcome for reading in readings]
    if isinstance(action, Step | Finish):
        assert outcomes
        assert set(outcomes) == {Outcome.PASS}
        assert now - status.since >= plan.hold
        assert plan.rolls
    if isinstance(action, Step):
        assert now >= status.kept_until
        assert action.weight > status.weight
        assert action.weight == next_weight(plan.steps, status.weight)
    assert isinstance(action, Breach) == (Outcome.BREACH in outcomes and plan.rolls)


@given(STEPS, SHARES)
def test_a_step_is_the_next_larger_one_or_the_last_split_before_it(steps: tuple[float, ...], weight: float) -> None:
    found = next_weight(steps, weight)
    larger = [step for step in steps if step > weight]
    if not larger:
        assert found is None
    else:
        assert found in (min(larger), LAST_SPLIT)
        assert found is not None
        assert weight < found <= min(larger)
        assert found == min(larger) or weight < LAST_SPLIT < min(larger)


@given(STEPS)
def test_a_ramp_ends_at_its_last_step_and_is_never_beyond_the_last_split_before_it(steps: tuple[float, ...]) -> None:
    weight: float | None = 0.00005
    walked = []
    while weight is not None and (weight := next_weight(steps, weight)) is not None:
        walked.append(weight)
    assert walked == sorted(set(walked))
    assert set(walked) - {LAST_SPLIT} == set(steps) - {LAST_SPLIT}


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(PLANS, STATUSES, READINGS)), TIMES)
def test_of_a_group_none_steps_that_would_not_alone_and_none_steps_alone(members, now: float) -> None:
    alone = {name: decide(*member, now) for name, member in members.items()}
    found = together(alone)
    assert found.keys() == alone.keys()
    for name, action in found.items():
        if isinstance(action, Step):
            assert action == alone[name]
            assert all(isinstance(other, Step | Finish) for other in alone.values())
        if isinstance(action, Breach):
            assert any(isinstance(other, Breach) for other in alone.values())


@given(
    st.lists(
        st.tuples(st.sampled_from(["pass", "wait", "breach", "unmeasured"]), st.integers(1, 90), st.booleans()),
        max_size=12,
    )
)
def test_whatever_happens_the_weight_goes_up_by_steps_and_back_only_by_a_breach(history) -> None:
    async def told() -> World:
        world = World(rolling(hold=30.0))
        for outcome, seconds, restarts in history:
            world.gates.said["r"] = [GateReading("g", Outcome(outcome), "", why="x")]
            await world.passes(seconds)
            if restarts:
                world.restart()
        return world

    world = asyncio.run(told())
    weights = [0.01]
    for move in world.mover.moves:
        (reading,) = move.evidence["gates"]
        if move.verb == "rollback":
            assert reading["outcome"] == "breach"
            break
        assert reading["outcome"] == "pass"
        assert move.before.weight == weights[-1]
        assert move.after.weight is not None
        weights.append(move.after.weight)
    assert weights == [0.01, 0.05, 0.25, LAST_SPLIT, 1.0][: len(weights)]


# Chance. Seeded: what is found is always the same.

GATES = Gates()


def ramp(seed: int, *, failing: float, seconds: int, each: int = 20) -> int:
    """At how many looks a gate was broken, on two sides that are alike."""
    chance = random.Random(seed)
    windows = Windows()
    windows.follow({"r": 60.0})
    counted = {"legacy": answers(0), "service": answers(0)}
    broken = 0
    for second in range(seconds):
        for side, before in counted.items():
            took = [chance.lognormvariate(-4.5, 0.8) for _ in range(each)]
            bad = sum(chance.random() < failing for _ in range(each))
            counted[side] = _added(before, answers(each, bad, took))
        windows.note(float(second), {"r": Sides(counted["legacy"], counted["service"])})
        seen = windows.seen("r")
        if seen is not None:
            pairs = Matches(seen.sides.service.requests, 0, 0)
            found = check(GATES, Measured(seen.sides.service, seen.sides.legacy, pairs))
            broken += any(reading.outcome is Outcome.BREACH for reading in found)
    return broken


def _added(one: Answers, other: Answers) -> Answers:
    durations = tuple(left + right for left, right in zip(one.durations, other.durations, strict=True))
    return Answers(one.requests + other.requests, one.errors + other.errors, one.bounds, durations)


@pytest.mark.slow
@pytest.mark.parametrize("failing", [0.0, 0.0005, 0.01, 0.2])
def test_two_sides_that_are_alike_are_not_rolled_back_by_chance(failing: float) -> None:
    assert [seed for seed in range(6) if ramp(seed, failing=failing, seconds=15 * 60)] == []


@pytest.mark.parametrize("seed", range(20))
def test_a_fault_in_five_of_a_hundred_answers_is_found_within_one_window(seed: int) -> None:
    chance = random.Random(seed)
    windows = Windows()
    windows.follow({"r": 60.0})
    service, legacy = answers(0), answers(0)
    for second in range(180):
        bad = sum(chance.random() < 0.05 for _ in range(20)) if second > 120 else 0
        service, legacy = _added(service, answers(20, bad)), _added(legacy, answers(20))
        windows.note(float(second), {"r": Sides(legacy, service)})
        seen = windows.seen("r")
        if seen is None:
            continue
        found = check(GATES, Measured(seen.sides.service, seen.sides.legacy, Matches(500, 0, 0)))
        if any(reading.outcome is Outcome.BREACH for reading in found):
            assert 120 < second <= 180
            return
    raise AssertionError("it was not found")
