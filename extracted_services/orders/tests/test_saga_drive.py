"""Driving a saga: keys, time limits, pauses, and beginning again after a crash at any point."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from extracted_services.orders.saga.drive import Run, drive
from extracted_services.orders.saga.outcomes import Done, NotNow, Outcome, Refused, Superseded, Unknown
from extracted_services.orders.saga.plan import Patience, resume
from extracted_services.orders.saga.states import State
from extracted_services.orders.saga.story import Act, Call, Saga
from extracted_services.orders.tests.stories import Crash, MemoryJournal, MemoryNotes

pytestmark = pytest.mark.anyio
PATIENCE = Patience(tries=5)
SECOND = timedelta(seconds=1)


class Shop:
    """Other services in memory: each does what is asked under a key once, and answers as it is told to."""

    def __init__(self, **answers: list[Outcome]) -> None:
        self.answers = answers
        self.calls: list[Call] = []
        self.effects: list[str] = []

    def act(self, name: str) -> Callable[[Call], Awaitable[Outcome]]:
        async def perform(call: Call) -> Outcome:
            self.calls.append(call)
            answers = self.answers.get(name)
            outcome = answers.pop(0) if answers else Done({"of": name})
            if isinstance(outcome, Done | Unknown) and call.key not in self.effects:
                self.effects.append(call.key)
            return outcome

        return perform

    @property
    def story(self) -> Saga:
        return (
            Saga("fulfil", undone_by=Act("cancel", self.act("cancel")))
            .step("reserve", self.act("reserve"), timeout=SECOND)
            .compensated_by("release", self.act("release"))
            .step("charge", self.act("charge"), timeout=SECOND)
            .compensated_by("refund", self.act("refund"))
            .step("confirm", self.act("confirm"))
        )

    @property
    def done(self) -> str:
        return " ".join(effect.removeprefix("s:") for effect in self.effects)


async def run(story: Saga, journal: MemoryJournal, notes: MemoryNotes, *, is_resumed: bool = False) -> State:
    return await drive(Run(story, "s", "order-9", journal, notes, PATIENCE, draw=lambda: 1.0, is_resumed=is_resumed))


async def test_a_story_without_trouble() -> None:
    shop, journal, notes = Shop(), MemoryJournal(), MemoryNotes()
    assert await run(shop.story, journal, notes) is State.DONE
    assert shop.done == "reserve charge confirm"
    assert notes.states == ["done confirm"], "people see what changes, and no step that goes by"
    assert [name for name, _ in journal.entries] == ["reserve", "charge", "confirm"]


async def test_a_step_is_told_its_key_its_subject_and_what_earlier_steps_came_to() -> None:
    shop = Shop(reserve=[Done({"reservation": "r-1"})])
    await run(shop.story, MemoryJournal(), MemoryNotes())
    charge = shop.calls[1]
    assert (charge.saga, charge.subject, charge.key) == ("s", "order-9", "s:charge")
    assert charge.results == {"reserve": {"reservation": "r-1"}}


async def test_a_step_that_waits_is_tried_under_the_same_key_with_growing_pauses() -> None:
    shop = Shop(charge=[NotNow("away"), Unknown("lost"), NotNow("away")])
    journal, notes = MemoryJournal(), MemoryNotes()
    assert await run(shop.story, journal, notes) is State.DONE
    assert {call.key for call in shop.calls[1:5]} == {"s:charge"}
    assert journal.pauses == [0.05, 0.1, 0.2]
    assert notes.states == ["waiting charge later"] * 3 + ["running confirm", "done confirm"]


async def test_a_refusal_is_told_to_whatever_undoes() -> None:
    shop = Shop(charge=[Refused("declined", {"last4": "0002"})])
    assert await run(shop.story, MemoryJournal(), MemoryNotes()) is State.COMPENSATED
    assert shop.done == "reserve release cancel"
    assert [call.refusal for call in shop.calls[-2:]] == [Refused("declined", {"last4": "0002"})] * 2


async def test_no_answer_within_the_limit_is_doubt() -> None:
    asked = asyncio.Event()

    async def never(_call: Call) -> Outcome:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    notes = MemoryNotes()
    story = Saga("slow").step("wait", never, timeout=timedelta(milliseconds=1))
    assert await run(story, MemoryJournal(), notes) is State.STUCK
    assert asked.is_set()
    assert notes.progress.in_doubt
    assert notes.progress.problem == "no answer within 0.001 s"


async def test_a_defect_in_a_step_waits_and_shows_itself(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_call: Call) -> Outcome:
        raise ZeroDivisionError("with a secret in it")

    notes = MemoryNotes()
    assert await run(Saga("broken").step("divide", broken, timeout=SECOND), MemoryJournal(), notes) is State.STUCK
    assert notes.progress.problem == "ZeroDivisionError in divide"
    assert "a step of a saga failed" in caplog.text


async def test_what_is_no_longer_wanted_is_undone_before_the_next_remote_step() -> None:
    shop = Shop()

    async def unwanted(_subject: str) -> Refused | None:
        return Refused("requested") if shop.effects else None

    assert await run(replace(shop.story, unwanted=unwanted), MemoryJournal(), MemoryNotes()) is State.COMPENSATED
    assert shop.done == "reserve release cancel"


async def test_what_is_no_longer_wanted_after_a_wait_is_not_tried_again() -> None:
    shop = Shop(charge=[NotNow("away")])

    async def unwanted(_subject: str) -> Refused | None:
        return Refused("requested") if len(shop.calls) == 2 else None

    journal = MemoryJournal()
    assert await run(replace(shop.story, unwanted=unwanted), journal, MemoryNotes()) is State.COMPENSATED
    assert shop.done == "reserve release cancel"
    assert "charge?" in [name for name, _ in journal.entries]


async def test_what_may_be_done_is_asked_again_even_when_it_is_no_longer_wanted() -> None:
    shop = Shop(charge=[Unknown("lost")])

    async def unwanted(_subject: str) -> Refused | None:
        return Refused("requested") if "s:charge" in shop.effects else None

    story = replace(shop.story, unwanted=unwanted)
    await run(story, MemoryJournal(), MemoryNotes())
    assert [call.key for call in shop.calls].count("s:charge") == 2
    assert shop.done == "reserve charge confirm", "a step in our own database sees by itself what is wanted"


async def test_what_others_finished_is_left_alone() -> None:
    shop = Shop(confirm=[Refused("no")], release=[Superseded("the monolith confirmed it")])
    assert await run(shop.story, MemoryJournal(), MemoryNotes()) is State.SUPERSEDED
    assert shop.done == "reserve charge refund"


async def test_a_saga_that_was_stuck_goes_on_where_it_stopped() -> None:
    shop = Shop(charge=[Unknown("lost")] * PATIENCE.tries)
    notes = MemoryNotes()
    assert await run(shop.story, MemoryJournal(), notes) is State.STUCK
    notes.progress = resume(notes.progress)
    assert await run(shop.story, MemoryJournal(), notes, is_resumed=True) is State.DONE
    assert [call.key for call in shop.calls].count("s:reserve") == 1
    assert shop.done == "reserve charge confirm"


TROUBLE: list[dict[str, list[Outcome]]] = [
    {},
    {"reserve": [Refused("short")]},
    {"charge": [Refused("declined")]},
    {"confirm": [Refused("cancelled meanwhile")]},
    {"reserve": [NotNow("away")], "charge": [Unknown("lost"), Refused("declined")], "release": [Unknown("lost")]},
]


@pytest.mark.parametrize("trouble", TROUBLE, ids=lambda trouble: "-".join(trouble) or "none")
@pytest.mark.parametrize("answer_is_lost", [True, False], ids=["before", "after"])
async def test_a_crash_at_any_place_changes_nothing_of_what_is_done(
    trouble: dict[str, list[Outcome]], answer_is_lost: bool
) -> None:
    def shop() -> Shop:
        return Shop(**{name: list(answers) for name, answers in trouble.items()})

    untroubled, whole = shop(), MemoryJournal()
    end = await run(untroubled.story, whole, MemoryNotes())
    for place in range(len(whole.entries)):
        others, journal, notes = shop(), MemoryJournal(), MemoryNotes()
        journal.crash_at, journal.crash_before_writing = place, answer_is_lost
        # A refusal whose answer was lost is given again to the same key, as every service keeps its first answer.
        for name, answers in others.answers.items():
            others.answers[name] = [again for outcome in answers for again in [outcome] * (2 if answer_is_lost else 1)]
        with pytest.raises(Crash):
            await run(others.story, journal, notes)
        journal.rewind()
        assert await run(others.story, journal, notes) is end
        assert others.done == untroubled.done
