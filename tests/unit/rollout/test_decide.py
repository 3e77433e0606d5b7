"""What a rollout does next: every place of the table, and what a group does."""

import re

import pytest

from proxy.config.moving import OnBreach
from proxy.rollout import decide as module
from proxy.rollout.decide import (
    TABLE,
    Action,
    Breach,
    Evidence,
    Finish,
    Hold,
    Place,
    Status,
    Step,
    decide,
    in_words,
    together,
)
from proxy.rollout.plan import Plan
from tests.support.rolling import BAD, BLIND, GOOD, STEPS, WAITS

PLAN = Plan(STEPS, hold=60.0)


def status(weight: float = 0.05, *, held: float = 60.0, kept_until: float = 0.0) -> Status:
    return Status(weight, 1000.0 - held, kept_until, "kept back: the hook before_step answered 503")


def test_a_step_is_made_when_the_hold_is_over_and_all_gates_pass() -> None:
    assert decide(PLAN, status(), GOOD, 1000.0) == Step(0.25)


def test_a_hold_runs_however_good_the_gates_are() -> None:
    found = decide(PLAN, status(held=59.0), GOOD, 1000.0)
    assert found == Hold("held for 60 s at this step, 1 s to go")


@pytest.mark.parametrize(
    ("readings", "why"),
    [
        (WAITS, "samples waits: 3 of 500 answers of the service"),
        (BLIND, "match_rate cannot be measured: nothing is compared"),
        ((*WAITS, *BLIND), "match_rate cannot be measured: nothing is compared"),
        ((), "no gate was read yet"),
    ],
)
def test_too_little_data_and_what_cannot_be_measured_hold_and_say_so(readings, why: str) -> None:
    assert decide(PLAN, status(held=1e6), readings, 1000.0) == Hold(why)


@pytest.mark.parametrize("held", [0.0, 60.0])
@pytest.mark.parametrize("do", list(OnBreach))
def test_a_broken_gate_does_what_the_file_says_at_once(do: OnBreach, held: float) -> None:
    found = decide(Plan(STEPS, 60.0, do), status(held=held), BAD, 1000.0)
    assert found == Breach(do, "error_rate", "40 of 100 answers failed")


def test_at_the_last_step_it_is_finished_and_watched_on() -> None:
    assert decide(PLAN, status(1.0), GOOD, 1000.0) == Finish()
    assert decide(PLAN, status(1.0), WAITS, 1000.0) == Hold("samples waits: 3 of 500 answers of the service")
    assert isinstance(decide(PLAN, status(1.0), BAD, 1000.0), Breach)


def test_what_is_kept_back_does_not_step_and_rolls_back_all_the_same() -> None:
    kept = status(kept_until=1001.0)
    assert decide(PLAN, kept, GOOD, 1000.0) == Hold("kept back: the hook before_step answered 503")
    assert isinstance(decide(PLAN, kept, BAD, 1000.0), Breach)
    assert decide(PLAN, kept, GOOD, 1001.0) == Step(0.25)


@pytest.mark.parametrize("readings", [GOOD, BAD])
def test_people_are_not_meddled_with(readings) -> None:
    assert decide(Plan(STEPS, 60.0, paused=True), status(), readings, 1000.0) == Hold("paused")
    assert decide(Plan((), 60.0), status(), readings, 1000.0) == Hold("it has no steps: people move it")


def test_the_table_is_the_one_that_is_drawn() -> None:
    drawing = module.__doc__ or ""
    columns = (Evidence.EARLY, Evidence.OPEN, Evidence.GOOD, Evidence.BAD)
    for place in Place:
        line = next(line for line in drawing.splitlines() if line.strip().startswith(place.value))
        words = re.split(r"  +", line.strip())[1:]
        assert words == [TABLE.get((place, evidence), Hold).__name__.lower() for evidence in columns]


def test_the_slowest_of_a_group_decides() -> None:
    found = together({"a": Step(0.05), "b": Hold("samples waits"), "c": Finish()})
    assert found == {"a": Hold("route b of its group is not ready"), "b": Hold("samples waits"), "c": Finish()}
    steps: dict[str, Action] = {"a": Step(0.05), "b": Step(0.25), "c": Finish()}
    assert together(steps) == steps


def test_a_breach_of_one_is_a_breach_of_all() -> None:
    found = together({"a": Step(0.05), "b": Breach(OnBreach.ROLLBACK, "samples", "bad"), "c": Hold("waits")})
    elsewhere = Breach(OnBreach.ROLLBACK, "samples", "route b of its group: bad")
    assert found == {"a": elsewhere, "b": Breach(OnBreach.ROLLBACK, "samples", "bad"), "c": elsewhere}


def test_a_breach_that_only_alerts_moves_nobody_back_and_nobody_on() -> None:
    alert = Breach(OnBreach.ALERT, "samples", "bad")
    assert together({"a": Step(0.05), "b": alert}) == {"a": Hold("route b of its group is not ready"), "b": alert}


def test_every_action_has_words() -> None:
    assert [in_words(one) for one in (Hold("x"), Step(0.05), Finish(), Breach(OnBreach.ALERT, "g", "w"))] == [
        "x",
        "all gates pass: to 5%",
        "every step is done: strangler promote takes it to cutover",
        "g is broken: w",
    ]
