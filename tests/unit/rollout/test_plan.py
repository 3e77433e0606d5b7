"""What the file wants of a rollout: steps, holds, and who moves together."""

import pytest

from proxy.rollout.plan import LAST_SPLIT, next_weight, plan_of, teams
from tests.support.rolling import rolling


def test_only_a_route_at_canary_has_a_plan() -> None:
    assert plan_of(rolling(stage="shadow")) is None
    plan = plan_of(rolling(hold=60, window=10))
    assert plan is not None
    assert (plan.hold, plan.rolls) == (60, True)


def test_a_step_is_held_for_a_window_at_least() -> None:
    plan = plan_of(rolling(hold=1, window=10))
    assert plan is not None
    assert plan.hold == 10


@pytest.mark.parametrize(
    ("weight", "expected"), [(0.0, 0.01), (0.01, 0.05), (0.02, 0.05), (0.05, 0.25), (0.25, LAST_SPLIT), (1.0, None)]
)
def test_the_next_step_is_the_next_larger_one_and_not_beyond_the_last_split(weight: float, expected: float) -> None:
    assert next_weight((0.01, 0.05, 0.25, 1.0), weight) == expected


def test_after_the_last_split_the_way_is_free() -> None:
    assert next_weight((0.25, 1.0), LAST_SPLIT) == 1.0
    assert next_weight((0.25, 0.97, 1.0), 0.96) == 0.97
    assert next_weight((0.25, 0.9), 0.25) == 0.9
    assert next_weight((), 0.25) is None


def test_routes_of_a_group_that_roll_make_a_team() -> None:
    routes = [
        rolling("a", group="g"),
        rolling("b", group="g"),
        rolling("paused", group="g", paused=True),
        rolling("by-hand", group="g", steps=()),
        rolling("alone"),
        rolling("legacy", group="g", stage="legacy"),
    ]
    assert [[route.name for route in team] for team in teams(routes)] == [
        ["a", "b"],
        ["paused"],
        ["by-hand"],
        ["alone"],
    ]
