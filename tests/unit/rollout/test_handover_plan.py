"""Which routes move together, and what speaks against it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.config.model import Route, Stage
from proxy.config.moving import Handover, Moving, Writes
from proxy.rollout.handover_plan import draw_circle, object_to_routes, object_to_sides
from proxy.rollout.ownership import Entity, Standing
from tests.support.routing import route

AT_LEGACY = Standing("legacy", 2, 5, 0, 0.0, 5, 0)
ORDER = Entity("order", "orders", AT_LEGACY, AT_LEGACY)


def writer(name: str, *entities: str, stage: str = "legacy", to: str | None = "orders", **more: object) -> Route:
    return route(name, f"/{name}", stage=stage, to=to, moving=Moving(writes=Writes(entities, **more)))  # type: ignore[arg-type]


READER = route("look", "GET /look", stage="legacy")
A, B, C, D = writer("a", "order", "stock"), writer("b", "stock"), writer("c", "stock", "payment"), writer("d", "user")
ALL = (READER, A, B, C, D)


def names(routes: tuple[Route, ...]) -> list[str]:
    return [each.name for each in routes]


def test_routes_that_share_entities_move_together_also_through_others() -> None:
    circle = draw_circle(ALL, [A])
    assert (names(circle.routes), circle.entities) == (["a", "b", "c"], ("order", "payment", "stock"))
    assert names(draw_circle(ALL, [D]).routes) == ["d"]
    assert draw_circle(ALL, [READER]).routes == ()


def test_a_retired_route_writes_nothing_any_more() -> None:
    gone = replace(C, stage=Stage.RETIRED)
    assert names(draw_circle((A, B, gone), [A]).routes) == ["a", "b"]


def test_the_strictest_settings_hold_for_all() -> None:
    loose = replace(A, moving=replace(A.moving, handover=Handover(timedelta(seconds=9), 900, timedelta(seconds=9))))
    strict = replace(B, moving=replace(B.moving, handover=Handover(timedelta(seconds=1), 5, timedelta(seconds=2))))
    assert draw_circle((loose, strict), [strict]).settings == strict.moving.handover


def test_routes_follow_that_are_not_there_yet() -> None:
    circle = draw_circle((replace(A, stage=Stage.SHADOW), replace(B, stage=Stage.CUTOVER)), [A])
    assert names(circle.to_follow(Stage.CUTOVER)) == ["a"]
    assert names(circle.to_follow(Stage.LEGACY)) == ["b"]


def test_what_only_reads_is_promoted_and_not_handed_over() -> None:
    (said,) = object_to_routes(draw_circle(ALL, [READER]), [READER], Stage.CUTOVER)
    assert 'of "look" none writes anything' in said


def test_a_route_that_writes_the_same_and_has_no_service_keeps_all_of_them() -> None:
    homeless = writer("admin", "stock", to=None)
    (said,) = object_to_routes(draw_circle((*ALL, homeless), [A]), [A], Stage.CUTOVER)
    assert said.startswith('route "admin" writes the same and has no service')
    assert list(object_to_routes(draw_circle((*ALL, homeless), [A]), [A], Stage.LEGACY)) == []


def objections(entity: Entity, to: Stage = Stage.CUTOVER, *routes: Route, **allowed: bool) -> list[str]:
    circle = draw_circle(routes or (writer("a", "order"),), routes or [writer("a", "order")])
    options = {"force": False, "despite_conflicts": False} | allowed
    return list(object_to_sides(circle, {"order": entity}, to, **options))


def test_nothing_speaks_against_a_side_that_is_in_step() -> None:
    assert objections(ORDER) == []


def test_what_is_there_already_is_said() -> None:
    assert objections(ORDER, Stage.LEGACY) == ["order: written by the monolith already, and the routes lead there"]
    assert objections(ORDER, Stage.LEGACY, writer("a", "order", stage="cutover")) == []


def test_two_owners_are_a_matter_for_a_person() -> None:
    both = replace(ORDER, service=replace(AT_LEGACY, owner="service", epoch=3))
    assert "both sides say that they write" in objections(both)[0]


@pytest.mark.parametrize("allowed", [False, True])
def test_conflicts_at_the_side_that_takes_are_looked_at_first(allowed: bool) -> None:
    entity = replace(ORDER, service=replace(AT_LEGACY, conflicts=2))
    assert len(objections(entity, despite_conflicts=allowed)) == (0 if allowed else 1)
    assert objections(entity, Stage.LEGACY, writer("a", "order", stage="cutover")) == []


@pytest.mark.parametrize("force", [False, True])
def test_behind_a_point_of_no_return_only_a_person_who_insists_goes_back(force: bool) -> None:
    final = writer("a", "order", stage="cutover", point_of_no_return=True)
    assert len(objections(ORDER, Stage.LEGACY, final, force=force)) == (0 if force else 1)
    assert objections(ORDER, Stage.CUTOVER, replace(final, stage=Stage.LEGACY)) == []
