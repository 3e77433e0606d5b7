"""What gates read is what was counted, compared and asked for, in one window and since the route came to its stage."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from proxy.comparison.difference import Kind
from proxy.comparison.recent import Pairs
from proxy.comparison.tally import Group, rules_name
from proxy.comparison.verdict import Counts, FieldCounts
from proxy.config.compare import Compare, Shadow
from proxy.config.model import Route, Stage
from proxy.config.moving import Bound, Gate, GateKind, Gates, Limit
from proxy.observability.metrics import Totals
from proxy.rollout.asking import Answer
from proxy.rollout.checks import Matches, Unknown
from proxy.rollout.gatekeeper import Measurer, judge_pairs
from proxy.rollout.ports import GateReading, Outcome
from proxy.rollout.prometheus import Numbers, query_url
from tests.support.counted import answers, batch, totals
from tests.support.judged import differing
from tests.support.rolling import FakeAsks, rolling

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SAMPLES = Gate("samples", GateKind.SAMPLES, Limit(Bound.AT_LEAST, 100))
GATES = Gates(gates=(SAMPLES, *Gates().gates[1:]))


class World:
    """A window of ten seconds, in which every second brings the same."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.seconds = 1000.0
        self.counted: dict[str, list[float]] = {"legacy": [], "service": []}  # seconds of every answer
        self.errors = {"legacy": 0, "service": 0}
        self.each = {"legacy": (100, 0, 0.01), "service": (20, 0, 0.01)}  # answers, errors, seconds
        self.before = Totals()
        self.compared = Pairs()
        self.totals_read = 0
        self.asked_for: list[tuple[Group, float]] = []
        self.known: Counts | None = Counts(0)
        self.asks = FakeAsks()
        self.measurer = Measurer(self, Numbers(self.asks), lambda: self.seconds, lambda: AT)
        self.measurer.follow([route])

    def totals(self) -> tuple[Totals, Totals]:
        self.totals_read += 1
        sides = [answers(len(took), self.errors[side], took) for side, took in self.counted.items()]
        old = [batch("r", answers(10**6, 10**6), answers(10**6, 10**6))] if self.before.requests else []
        return totals(batch("r", *sides), *old), self.before

    def pairs(self, group: Group, seconds: float) -> Pairs | None:
        self.asked_for.append((group, seconds))
        return self.compared

    def long_counts(self, route: str) -> Counts | None:
        return self.known

    def passes(self, seconds: int) -> None:
        for _ in range(seconds):
            for side, (n, bad, took) in self.each.items():
                self.counted[side] += [took] * n
                self.errors[side] += bad
            self.seconds += 1
            self.measurer.look()

    def moves(self, **changes: object) -> None:
        self.route = replace(self.route, **changes)  # type: ignore[arg-type]
        self.measurer.follow([self.route])

    def read(self) -> dict[str, GateReading]:
        return {one.gate: one for one in self.measurer.read(self.route)}


@pytest.fixture
def world() -> World:
    return World(rolling(gates=GATES, shadow=Shadow(), compare=Compare()))


def test_both_sides_are_read_over_the_window(world: World) -> None:
    world.passes(30)
    found = world.read()
    assert found["samples"].value == 200
    assert (found["error_rate"].outcome, found["error_rate"].samples) == (Outcome.PASS, 200)
    assert found["latency_p95"].outcome is Outcome.PASS
    assert list(asyncio.run(world.measurer.read_gates(world.route))) == list(found.values())


def test_before_the_window_is_whole_nothing_passes_and_what_is_broken_is(world: World) -> None:
    world.each["service"] = (20, 20, 0.01)
    world.passes(3)
    found = world.read()
    assert found["samples"].why == "40 of 100 answers of the service"
    assert found["error_rate"].outcome is Outcome.BREACH


def test_a_fault_is_seen_within_one_window(world: World) -> None:
    world.passes(30)
    world.each["service"] = (20, 1, 0.01)  # 5 %
    world.passes(10)
    assert world.read()["error_rate"].outcome is Outcome.BREACH


def test_what_was_counted_before_anybody_looked_is_not_of_this_window(world: World) -> None:
    world.passes(5)
    world.before = totals(batch("r", answers(10**6, 10**6), answers(10**6, 10**6)))  # a worker appears only now
    world.passes(10)
    assert world.read()["error_rate"].outcome is Outcome.PASS
    assert world.read()["samples"].value == 200


def test_a_route_that_came_to_its_stage_again_begins_anew(world: World) -> None:
    world.passes(30)
    world.moves(stage=Stage.LEGACY)
    assert {(one.outcome, one.why) for one in world.read().values()} == {
        (Outcome.UNMEASURED, "nothing is measured at legacy")
    }
    world.passes(2)
    world.moves(stage=Stage.CANARY)
    assert world.read()["samples"].why == "0 of 100 answers of the service"
    assert world.asked_for[-1] == (("r", rules_name(world.route, AT.date())), 0.0)
    world.passes(4)
    world.read()
    assert world.asked_for[-1][1] == 3.0, "no pair is older than the window"


def test_a_route_that_is_resumed_is_not_judged_by_what_it_was_paused_for(world: World) -> None:
    world.each["service"] = (20, 10, 0.01)
    world.passes(30)
    canary = world.route.moving.canary
    assert canary is not None
    world.moves(moving=replace(world.route.moving, canary=replace(canary, paused=True)))
    assert world.read()["error_rate"].outcome is Outcome.BREACH
    world.moves(moving=replace(world.route.moving, canary=canary))
    assert world.read()["error_rate"].outcome is Outcome.WAIT
    world.each["service"] = (20, 0, 0.01)
    world.passes(12)
    assert world.read()["error_rate"].outcome is Outcome.PASS


def test_when_all_users_are_at_the_service_the_monoliths_last_answers_are_compared_with(world: World) -> None:
    world.passes(30)
    assert world.route.moving.canary is not None
    all_users = replace(world.route.moving, canary=replace(world.route.moving.canary, weight=1.0))
    world.each["legacy"] = (0, 0, 0.01)
    world.moves(moving=all_users)
    world.passes(12)
    found = world.read()
    assert (found["error_rate"].outcome, found["error_rate"].legacy) == (Outcome.PASS, 0.0)
    assert world.measurer.baselines["r"].requests == 1000  # of when it last answered all it was to
    world.moves(stage=Stage.CUTOVER)
    world.passes(12)
    world.moves(stage=Stage.CANARY)
    world.passes(12)
    assert world.read()["error_rate"].outcome is Outcome.PASS
    world.moves(stage=Stage.LEGACY)
    assert world.measurer.baselines == {}


def test_at_cutover_nothing_is_added_up_any_more(world: World) -> None:
    world.moves(stage=Stage.CUTOVER)
    before = world.totals_read
    world.passes(1)
    assert world.read()["error_rate"].why == "nothing is measured at cutover"
    assert world.totals_read == before


def test_without_such_answers_it_cannot_be_measured() -> None:
    world = World(rolling(weight=1.0, gates=GATES, shadow=Shadow()))
    world.each["legacy"] = (0, 0, 0.01)
    world.passes(30)
    found = world.read()
    assert found["error_rate"].outcome is found["latency_p95"].outcome is Outcome.UNMEASURED


def test_pairs_are_judged_against_what_is_known_of_noise(world: World) -> None:
    world.passes(30)
    for number in range(200):
        world.compared.add(differing("$.now") if number % 2 else differing())
    assert world.read()["match_rate"].outcome is Outcome.WAIT  # the primary was never asked again: nobody knows
    world.known = Counts(1000, 1000, 0, [FieldCounts(Kind.VALUE, "$.now", 500, 500)])
    assert world.read()["match_rate"].outcome is Outcome.PASS
    for _ in range(20):
        world.compared.add(differing("$.price", "$.now"))
    found = world.read()["match_rate"]
    assert (found.outcome, found.why) == (Outcome.BREACH, "20 of 220 pairs differ, mostly in $.price")


def test_a_store_that_cannot_be_read_and_nothing_that_is_compared_are_not_measured(world: World) -> None:
    world.known = None
    assert world.read()["match_rate"].why == "what is noise cannot be read from the state store"
    world.moves(shadow=None)
    assert world.read()["match_rate"].why == "nothing is compared"


def test_a_custom_gate_is_asked_for() -> None:
    gate = Gate("up", GateKind.CUSTOM, Limit(Bound.AT_LEAST, 1), "up", "http://prometheus")

    async def story() -> None:
        world = World(rolling(gates=Gates(gates=(gate,))))
        body = b'{"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}'
        world.asks.answers[query_url("http://prometheus", "up")] = Answer(200, body)
        world.measurer.look()
        await asyncio.sleep(0)
        assert world.read()["up"].outcome is Outcome.PASS

    asyncio.run(story())


def test_a_primary_that_differs_from_itself_as_a_whole_cannot_be_compared() -> None:
    pairs = Pairs()
    for number in range(200):
        pairs.add(differing("status", kind=Kind.STATUS) if number % 2 else differing())
    known = Counts(1000, 1000, 0, [FieldCounts(Kind.STATUS, "status", 500, 500)])
    assert judge_pairs(pairs, known, 1.0) == Unknown("the primary's own status differs in 500 of 1000 times")


def test_a_primary_that_once_differed_from_itself_as_a_whole_can_be() -> None:
    pairs = Pairs()
    for _ in range(200):
        pairs.add(differing())
    known = Counts(1000, 1000, 0, [FieldCounts(Kind.STATUS, "status", 0, 1)])
    assert judge_pairs(pairs, known, 1.0) == Matches(200, 0, 0)


def test_noise_of_fields_that_did_not_differ_now_changes_nothing() -> None:
    pairs = Pairs()
    for _ in range(200):
        pairs.add(differing())
    known = Counts(1000, 1000, 0, [FieldCounts(Kind.VALUE, "$.now", 10, 10)])
    assert judge_pairs(pairs, known, 0.5) == Matches(200, 0, 0, 0.5)


def test_pairs_that_mostly_could_not_be_judged_are_none() -> None:
    assert judge_pairs(Pairs(undecided=5), Counts(0), 1.0) == Unknown("5 pairs could not be judged, 0 could")
