"""The table of a handover's states, and its record."""

import json
from dataclasses import replace

import pytest

from proxy.config.model import Stage
from proxy.rollout.handover import TABLE, Ending, Event, Record, State, advance, record_from, resume, return_epoch
from proxy.rollout.ownership import Owner

RECORD = Record(
    to=Stage.CUTOVER,
    epoch=4,
    routes=("orders", "payments"),
    services={"order": "orders", "payment": "payments"},
    owners={"order": Owner.LEGACY, "payment": Owner.LEGACY},
    who="alice",
    because="why not",
    began=1.5,
)


def at(state: State) -> Record:
    return replace(RECORD, state=state)


def test_it_goes_from_idle_to_released_through_all_states() -> None:
    record = RECORD
    for event in (Event.BEGIN, Event.FENCED, Event.HEARD, Event.OWNED, Event.FOLLOWED):
        record = advance(record, event, fenced={"order": 7} if event is Event.FENCED else None)
    assert (record.state, record.ending, record.fenced) == (State.RELEASED, Ending.DONE, {"order": 7})


@pytest.mark.parametrize("state", [State.HOLDING, State.FENCED])
def test_before_the_new_side_was_asked_to_own_a_failure_leads_back(state: State) -> None:
    record = advance(at(state), Event.FAILED, problem="no answer")
    assert (record.state, record.problem, return_epoch(record)) == (State.RETURNING, "no answer", 5)
    assert advance(record, Event.OWNED).ending is Ending.GIVEN_BACK


def test_once_the_new_side_may_have_been_asked_to_own_nothing_leads_back() -> None:
    assert {event for state, event in TABLE if state is State.DRAINED} == {Event.OWNED, Event.OVERTAKEN}


def test_when_the_routes_cannot_follow_it_begins_anew_the_other_way_round() -> None:
    record = advance(replace(at(State.OWNED), fenced={"order": 7}), Event.FAILED, problem="the file is broken")
    assert (record.state, record.to, record.epoch, record.fenced) == (State.HOLDING, Stage.LEGACY, 5, {})
    assert record.turned
    assert record.to_give_back == record.to_move == ("order", "payment"), "the services own everything by now"
    assert record.ending is Ending.GIVEN_BACK


def test_a_way_back_that_fails_leads_forward_and_turns_no_more() -> None:
    turned = replace(at(State.RETURNING), to=Stage.LEGACY, epoch=5, problem="the file is broken", turned=True)
    record = advance(turned, Event.OWNED)
    assert (record.state, record.to, record.epoch, record.problem) == (State.OWNED, Stage.CUTOVER, 6, "")
    assert advance(record, Event.FOLLOWED).ending is Ending.DONE
    with pytest.raises(ValueError, match="failed cannot happen"):
        advance(record, Event.FAILED)


@pytest.mark.parametrize("state", [each for each in State if each not in (State.IDLE, State.RELEASED)])
def test_a_higher_epoch_of_somebody_elses_ends_it_anywhere(state: State) -> None:
    record = advance(at(state), Event.OVERTAKEN, problem="order is at epoch 9")
    assert (record.state, record.ending) == (State.RELEASED, Ending.OVERTAKEN)


@pytest.mark.parametrize(
    ("state", "event"), [(State.IDLE, Event.FENCED), (State.DRAINED, Event.FAILED), (State.RELEASED, Event.BEGIN)]
)
def test_what_is_not_in_the_table_cannot_happen(state: State, event: Event) -> None:
    with pytest.raises(ValueError, match=f"{event} cannot happen"):
        advance(at(state), event)


def test_every_state_but_the_last_leads_somewhere() -> None:
    assert {state for state, _ in TABLE} == set(State) - {State.RELEASED}
    assert set(TABLE.values()) == set(State) - {State.IDLE}


@pytest.mark.parametrize("state", list(State))
def test_what_a_process_finds_is_led_back_if_the_fence_may_not_stand(state: State) -> None:
    expected = State.RETURNING if state in (State.IDLE, State.HOLDING) else state
    assert resume(at(state)).state is expected


def test_a_record_is_kept_as_json() -> None:
    record = replace(at(State.DRAINED), fenced={"order": 3}, problem="p", turned=True)
    assert record_from(json.loads(json.dumps(record.as_json()))) == record


@pytest.mark.parametrize(
    ("owner", "moves", "is_given_back"),
    [(Owner.LEGACY, True, True), (Owner.SERVICE, False, False), (Owner.NOBODY, True, False)],
)
def test_only_what_the_old_side_owned_is_given_back_and_only_what_the_new_one_did_not_is_moved(
    owner: Owner, moves: bool, is_given_back: bool
) -> None:
    record = replace(RECORD, owners=dict(RECORD.owners) | {"order": owner})
    assert ("order" in record.to_move, "order" in record.to_give_back) == (moves, is_given_back)
    assert "payment" in record.to_move
    assert "payment" in record.to_give_back


@pytest.mark.parametrize(
    "change", [{"owners": {}}, {"to": "canary"}, {"state": "lost"}, {"epoch": "x"}, {"services": []}]
)
def test_what_is_no_record_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError, KeyError)):
        record_from(RECORD.as_json() | change)


def test_its_name_is_what_it_moves_and_its_epoch() -> None:
    assert RECORD.id == "order+payment@4"
