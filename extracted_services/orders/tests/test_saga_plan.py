"""The plan of a saga as transcripts: what it does next, given what each act came to."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracted_services.orders.saga.outcomes import Done, NotNow, Outcome, Refused, Superseded, Unknown
from extracted_services.orders.saga.plan import (
    Patience,
    Progress,
    advance,
    may_turn,
    next_act,
    read_progress,
    resume,
    write_progress,
)
from extracted_services.orders.saga.states import FINAL, NEXT, State
from extracted_services.orders.saga.story import Act, Call, Saga
from extracted_services.orders.tests.stories import STORY

PATIENCE = Patience(tries=3)
NO = Refused("no")


def walk(outcomes: Iterable[Outcome], saga: Saga = STORY, progress: Progress | None = None) -> tuple[str, Progress]:
    """What is tried, one name after the other, while the acts come to these; and where that ends."""
    progress = progress or Progress()
    tried: list[str] = []
    for outcome in outcomes:
        act = next_act(saga, progress)
        assert act is not None, f"nothing is left to do after {tried}"
        tried.append(act.name)
        progress = advance(saga, progress, outcome, PATIENCE)
    return " ".join(tried), progress


def test_steps_are_done_in_order_to_the_end() -> None:
    tried, progress = walk([Done({"n": 1}), Done(), Done()])
    assert (tried, progress.state) == ("reserve charge confirm", State.DONE)
    assert list(progress.done) == ["reserve", "charge", "confirm"]
    assert next_act(STORY, progress) is None


def test_a_refusal_undoes_what_is_done_last_first_and_the_beginning_last_of_all() -> None:
    tried, progress = walk([Done(), Done(), NO, Done(), Done(), Done()])
    assert (tried, progress.state) == ("reserve charge confirm refund release cancel", State.COMPENSATED)


def test_what_was_refused_is_not_undone() -> None:
    tried, progress = walk([Done(), NO, Done(), Done()])
    assert (tried, progress.state) == ("reserve charge release cancel", State.COMPENSATED)
    assert progress.refusal == NO


def test_a_first_step_that_is_refused_undoes_only_the_beginning() -> None:
    assert walk([NO, Done()])[0] == "reserve cancel"


def test_what_may_be_done_is_asked_again_until_somebody_answers() -> None:
    tried, progress = walk([Done(), Unknown("lost"), NotNow("restarting"), NO, Done()])
    assert tried == "reserve charge charge charge release"
    assert progress.state is State.COMPENSATING


def test_a_saga_in_doubt_cannot_turn() -> None:
    _, waiting = walk([Done(), NotNow("not listening")])
    assert may_turn(STORY, waiting)
    _, doubting = walk([Unknown("lost"), NotNow("restarting")], progress=waiting)
    assert not may_turn(STORY, doubting)


def test_a_step_in_our_own_database_sees_by_itself_what_is_wanted() -> None:
    _, progress = walk([Done(), Done()])
    act = next_act(STORY, progress)
    assert act is not None
    assert act.name == "confirm"
    assert not may_turn(STORY, progress)


def test_patience_ends_in_a_saga_that_is_stuck_and_can_be_set_going_again() -> None:
    _, stuck = walk([Done(), NotNow("away"), NotNow("away"), Unknown("lost")])
    assert (stuck.state, stuck.problem) == (State.STUCK, "lost")
    assert next_act(STORY, stuck) is None
    tried, progress = walk([Done(), Done()], progress=resume(stuck))
    assert (tried, progress.state) == ("charge confirm", State.DONE)


def test_doubt_outlives_being_stuck() -> None:
    _, stuck = walk([Done(), Unknown("lost"), NotNow("away"), NotNow("away")])
    assert not may_turn(STORY, resume(stuck))


def test_an_undoing_that_is_refused_is_stuck_at_once_and_tried_again_by_hand() -> None:
    _, stuck = walk([Done(), NO, Refused("never heard of it")])
    assert (stuck.state, stuck.problem) == (State.STUCK, "release was refused: never heard of it")
    assert walk([Done(), Done()], progress=resume(stuck))[1].state is State.COMPENSATED


@pytest.mark.parametrize("before", [[], [Done()], [Done(), NO], [Done(), Unknown("lost")]])
def test_a_saga_that_others_finished_ends_wherever_it_is(before: list[Outcome]) -> None:
    _, progress = walk([*before, Superseded("done elsewhere")])
    assert progress.state is State.SUPERSEDED
    assert next_act(STORY, progress) is None


@pytest.mark.parametrize("outcomes", [[], [Done()], [Done(), NO], [Done(), Done(), Done()]])
def test_only_what_is_stuck_can_be_resumed(outcomes: list[Outcome]) -> None:
    _, progress = walk(outcomes)
    with pytest.raises(ValueError, match=f"a saga that is {progress.state} cannot be resumed"):
        resume(progress)


def test_a_story_without_steps_left_to_undo_and_without_a_beginning_ends_at_once() -> None:
    alone = Saga("alone").step("only", STORY.steps[0].act.perform)
    assert walk([NO], alone)[1].state is State.COMPENSATED


def test_two_steps_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two steps reserve"):
        STORY.step("reserve", STORY.steps[0].act.perform)


def test_pauses_grow_to_a_limit_and_are_spread() -> None:
    patience = Patience()
    longest = [patience.pause(tries, 1).total_seconds() for tries in range(1, 60)]
    assert longest[:3] == [0.05, 0.1, 0.2]
    assert longest == sorted(longest)
    assert longest[-1] == patience.most.total_seconds()
    assert patience.pause(4, 0) == patience.pause(4, 1) / 2
    assert sum(longest) > 1200, "a restart, or a handover, must not leave sagas stuck"


OUTCOMES = st.sampled_from([Done({"id": "x"}), NO, NotNow("away"), Unknown("lost"), Superseded("elsewhere")])


@given(st.lists(OUTCOMES, max_size=40))
def test_whatever_happens_states_follow_their_table_and_progress_survives_its_writing(outcomes: list[Outcome]) -> None:
    progress = Progress()
    for outcome in outcomes:
        if next_act(STORY, progress) is None:
            break
        following = advance(STORY, progress, outcome, PATIENCE)
        assert following.state is progress.state or following.state in NEXT[progress.state]
        progress = read_progress(json.loads(json.dumps(write_progress(following))))
        assert progress == following
    assert (next_act(STORY, progress) is None) is (progress.state in FINAL | {State.STUCK})


@given(st.lists(OUTCOMES, max_size=40))
def test_what_is_undone_was_done_and_nothing_is_undone_twice(outcomes: list[Outcome]) -> None:
    progress, done, undone = Progress(), list[str](), list[str]()
    undoes = {"release": "reserve", "refund": "charge"}
    for outcome in outcomes:
        act = next_act(STORY, progress)
        if act is None:
            break
        if isinstance(outcome, Done):
            (undone if progress.refusal else done).append(act.name)
        progress = advance(STORY, progress, outcome, PATIENCE)
    assert len(set(undone)) == len(undone)
    assert all(undoes[name] in done for name in undone if name in undoes)
    if progress.state is State.COMPENSATED:
        assert {undoes[name] for name in undone if name in undoes} == set(done) & {"reserve", "charge"}


def test_a_story_can_be_told_without_timeouts_and_undoings() -> None:
    async def act(_call: Call) -> Outcome:
        return Done()

    story = Saga("short", undone_by=Act("forget", act)).step("one", act)
    assert [step.is_remote for step in story.steps] == [False]
    assert story.find("one").undo is None
