"""Positions: where a route stands, and which of two is further along the road."""

from dataclasses import replace

from proxy.config.model import Stage
from proxy.rollout.ports import ROAD, Move, Position, Verb, position, reach
from tests.support.routes_yaml import BASE, load


def test_a_weight_is_there_at_canary_and_only_there() -> None:
    text = (
        BASE + "routes:\n  - { name: a, match: GET /a, to: orders, stage: %s, canary: { weight: 5%%, paused: true } }\n"
    )
    for stage in ("legacy", "shadow", "cutover", "canary"):
        weight = 0.05 if stage == "canary" else None
        assert position(load(text % stage).routes[0]) == Position(Stage(stage), weight, paused=True)


def test_positions_follow_each_other_along_the_road() -> None:
    along = [Position(Stage.LEGACY), Position(Stage.SHADOW), Position(Stage.CANARY, 0.0), Position(Stage.CANARY, 0.5),
             Position(Stage.CUTOVER), Position(Stage.RETIRED)]  # fmt: skip
    assert sorted(along, key=reach) == along
    assert {place.stage for place in along} == set(ROAD) == set(Stage)


def test_a_move_back_is_one_after_which_the_service_gets_less() -> None:
    here = Position(Stage.CANARY, 0.5)
    move = Move("a", Verb.ROLLBACK, here, Position(Stage.CANARY, 0.1), "ann", "")
    assert move.is_back
    for after in (here, Position(Stage.CUTOVER), replace(here, paused=True)):
        assert not replace(move, after=after).is_back
