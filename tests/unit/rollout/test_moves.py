"""Where a route goes when it is told to, and every refusal with what to do."""

from typing import Any

import pytest

from proxy.config.model import Route, Snapshot, Stage
from proxy.rollout.moves import Way, Wish, first_weight, kind_of, told, way
from proxy.rollout.ports import MoveRefused, Position, Verb
from tests.support.routes_yaml import BASE, load

SYNC = BASE.replace('8000" }', '8000", sync: { path: /internal/sync, token: t } }').replace(
    '8101" }', '8101", sync: { path: /internal/sync, token: t } }'
)
STEPS = "canary: { steps: [1%, 5%, 25%] }"
WRITES = "writes: { entities: [order] }"


def route_at(stage: str, extra: str = "", *, base: str = BASE, to: str = "to: orders,") -> tuple[Route, Snapshot]:
    more = f", {extra}" if extra else ""
    snapshot = load(base + f"routes:\n  - {{ name: cart, match: 'POST,GET /cart', {to} stage: {stage}{more} }}\n")
    return snapshot.routes[0], snapshot


def go(stage: str, verb: Verb, extra: str = "", *, base: str = BASE, to: str = "to: orders,", **wish: Any) -> Way:
    route, snapshot = route_at(stage, extra, base=base, to=to)
    return way(route, Wish(verb, **wish), snapshot)


def refusal(stage: str, verb: Verb, extra: str = "", **more: Any) -> str:
    with pytest.raises(MoveRefused) as refused:
        go(stage, verb, extra, **more)
    return f"{refused.value.message} | {refused.value.hint}"


@pytest.mark.parametrize(
    ("stage", "extra", "after"),
    [
        ("legacy", "", "shadow"),
        ("shadow", "", "canary 1%"),
        ("shadow", STEPS, "canary 1%"),
        ("shadow", "canary: { weight: 5% }", "canary 5%"),
        ("shadow", "canary: { weight: 25%, steps: [2%, 25%] }", "canary 2%"),
        ("shadow", "canary: { weight: 0%, steps: [2%, 25%] }", "canary 0%"),
        ("canary", STEPS, "canary 5%"),
        ("canary", "canary: { weight: 7%, steps: [1%, 5%, 25%], paused: true }", "canary 25%, paused"),
        ("canary", "canary: { weight: 25%, steps: [1%, 5%, 25%] }", "cutover"),
        ("canary", "canary: { weight: 25% }", "cutover"),
    ],
)
def test_a_promotion_goes_to_the_next_step_or_else_the_next_stage(stage: str, extra: str, after: str) -> None:
    found = go(stage, Verb.PROMOTE, extra)
    assert told(found.after) == after
    assert (found.changes, found.by_handover) == (True, False)


def test_a_promotion_goes_where_it_is_told() -> None:
    route, snapshot = route_at("legacy", STEPS)
    for wish, after in [
        (Wish(Verb.PROMOTE, Stage.CUTOVER), "cutover"),
        (Wish(Verb.PROMOTE, Stage.CANARY), "canary 1%"),
        (Wish(Verb.PROMOTE, Stage.CANARY, 0.1), "canary 10%"),
        (Wish(Verb.PROMOTE, weight=0.123456), "canary 12.3456%"),
        (Wish(Verb.SHADOW), "shadow"),
    ]:
        assert told(way(route, wish, snapshot).after) == after


def test_where_it_stands_already_nothing_changes() -> None:
    for stage, verb in [("shadow", Verb.SHADOW), ("legacy", Verb.ROLLBACK), ("retired", Verb.RETIRE)]:
        assert not go(stage, verb).changes
    route, snapshot = route_at("cutover")
    assert not way(route, Wish(Verb.PROMOTE, Stage.CUTOVER), snapshot).changes


def test_a_promotion_that_leads_back_or_nowhere_is_refused_with_what_to_do() -> None:
    assert "nothing comes after cutover by a promotion | strangler retire cart" in refusal("cutover", Verb.PROMOTE)
    assert "strangler rollback cart" in refusal("retired", Verb.PROMOTE)
    route, snapshot = route_at("canary", "canary: { weight: 25% }")
    for wish, said in [
        (Wish(Verb.PROMOTE, Stage.SHADOW), "shadow lies behind canary 25% | strangler rollback cart --to shadow"),
        (Wish(Verb.PROMOTE, weight=0.1), "canary 10% lies behind canary 25% | strangler rollback cart --weight 10%"),
        (Wish(Verb.PROMOTE, Stage.CANARY), "no step of the canary is above canary 25%"),
        (Wish(Verb.PROMOTE, Stage.CUTOVER, 0.5), "only a canary has a weight"),
        (Wish(Verb.PROMOTE, Stage.RETIRED), "strangler retire cart"),
        (Wish(Verb.ROLLBACK, weight=0.5), "canary 50% lies ahead of canary 25% | strangler promote cart --to canary"),
        (Wish(Verb.ROLLBACK, Stage.CUTOVER), "cutover lies ahead of canary 25%"),
        (Wish(Verb.RETIRE), "a route at canary is on its way"),
    ]:
        with pytest.raises(MoveRefused) as refused:
            way(route, wish, snapshot)
        assert said in f"{refused.value.message} | {refused.value.hint}"


def test_a_rollback_goes_to_the_monolith_or_as_far_back_as_it_is_told() -> None:
    for stage in ("shadow", "canary", "cutover", "retired"):
        assert go(stage, Verb.ROLLBACK).after == Position(Stage.LEGACY)
    route, snapshot = route_at("cutover", "canary: { weight: 25%, paused: true }")
    for wish, after in [
        (Wish(Verb.ROLLBACK, Stage.CANARY), "canary 25%, paused"),
        (Wish(Verb.ROLLBACK, weight=0.05), "canary 5%, paused"),
        (Wish(Verb.ROLLBACK, Stage.SHADOW), "shadow, paused"),
        (Wish(Verb.SHADOW), "shadow, paused"),
    ]:
        assert told(way(route, wish, snapshot).after) == after


def test_a_canary_is_paused_and_resumed_and_nothing_else_is() -> None:
    assert told(go("canary", Verb.PAUSE, STEPS).after) == "canary 1%, paused"
    assert told(go("canary", Verb.RESUME, "canary: { paused: true }").after) == "canary 1%"
    assert told(go("shadow", Verb.PAUSE, STEPS).after) == "shadow, paused"
    assert not go("canary", Verb.RESUME).changes
    assert "nothing moves a route at cutover by itself" in refusal("cutover", Verb.PAUSE, STEPS)
    assert "nothing moves a route at shadow by itself" in refusal("shadow", Verb.PAUSE)


def test_a_route_that_stands_beside_the_file_resumes_where_the_file_has_it() -> None:
    route, snapshot = route_at("legacy")
    found = way(route, Wish(Verb.RESUME), snapshot, Position(Stage.CANARY, 0.05, paused=True))
    assert told(found.after) == "canary 5%"


def test_what_a_route_writes_goes_with_it_by_a_handover() -> None:
    for stage in ("legacy", "cutover"):
        verb = Verb.PROMOTE if stage == "legacy" else Verb.ROLLBACK
        found = go(stage, verb, WRITES, base=SYNC)
        assert (found.by_handover, found.changes) == (True, True)
        assert found.after.stage is (Stage.CUTOVER if stage == "legacy" else Stage.LEGACY)
    assert not go("cutover", Verb.RETIRE, WRITES, base=SYNC).by_handover
    assert "writes has no canary" in refusal("legacy", Verb.PROMOTE, WRITES, weight=0.5, base=SYNC)
    assert "goes back to the monolith first" in refusal("cutover", Verb.SHADOW, WRITES, base=SYNC)
    assert "says not who writes" in refusal("retired", Verb.ROLLBACK, WRITES, base=SYNC)


def test_without_sync_on_both_sides_only_who_insists_moves_a_route_that_writes() -> None:
    for base in (BASE, SYNC.replace('8000", sync: { path: /internal/sync, token: t }', '8000"')):
        assert "one of the upstreams has no `sync`" in refusal("legacy", Verb.PROMOTE, WRITES, base=base)
        assert "one of the upstreams has no `sync`" in refusal("cutover", Verb.ROLLBACK, WRITES, base=base)
    forced = go("cutover", Verb.ROLLBACK, WRITES, force=True)
    assert not forced.by_handover
    assert "told to nobody" in forced.note


def test_past_its_point_of_no_return_a_route_comes_back_only_by_insistence_and_the_refusal_says_what_remains() -> None:
    writes = "writes: { entities: [order], point_of_no_return: true }"
    said = refusal("cutover", Verb.ROLLBACK, writes, base=SYNC)
    assert "past its point of no return" in said
    assert "mend the service and stay" in said
    assert "--force --because TEXT, hand the writing of order back" in said
    assert go("cutover", Verb.ROLLBACK, writes, base=SYNC, force=True).by_handover
    assert go("legacy", Verb.PROMOTE, writes, base=SYNC).by_handover


def test_a_composed_answer_is_at_legacy_or_at_cutover() -> None:
    part = "aggregate: { one: { from: orders, get: /one } }"
    for stage, verb, after in [("legacy", Verb.PROMOTE, "cutover"), ("cutover", Verb.ROLLBACK, "legacy")]:
        snapshot = load(BASE + f"routes:\n  - {{ name: cart, match: GET /cart, stage: {stage}, {part} }}\n")
        route = snapshot.routes[0]
        assert kind_of(route) == "aggregate"
        assert told(way(route, Wish(verb), snapshot).after) == after
        with pytest.raises(MoveRefused, match="composed answer has no stage shadow"):
            way(route, Wish(Verb.SHADOW), snapshot)


def test_a_route_without_a_service_goes_nowhere() -> None:
    assert 'it lacks "to"' in refusal("legacy", Verb.PROMOTE, to="")
    assert go("legacy", Verb.RETIRE, to="").after.stage is Stage.RETIRED


def test_a_canary_begins_at_its_first_step_whatever_an_earlier_one_has_left() -> None:
    assert first_weight(route_at("legacy", "canary: { weight: 50%, steps: [5%, 50%] }")[0]) == 0.05
    assert first_weight(route_at("legacy", "canary: { weight: 50% }")[0]) == 0.5
    assert first_weight(route_at("legacy")[0]) == 0.01
