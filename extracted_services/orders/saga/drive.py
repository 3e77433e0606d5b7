"""Drives one saga to an end: plans, acts, notes, waits. Whatever it does goes through a journal.

The journal remembers what each act came to, and gives that back to a run that repeats it after a crash: so this
function may be begun again anywhere, and must do nothing that is not planned or journalled. Whether the saga is still
wanted is asked after every act, as a part of it: what the journal remembers then is settled before the next act begins.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from .outcomes import Json, Outcome, Refused, Unknown
from .plan import (
    Patience,
    Progress,
    advance,
    may_turn,
    next_act,
    read_progress,
    turn,
    write_progress,
)
from .states import State
from .story import Act, Call, Saga

logger = logging.getLogger("orders.saga")


class Journal(Protocol):
    """What makes a run durable."""

    async def once(self, name: str, act: Callable[[], Awaitable[Json]]) -> Json:
        """What `act` returns, or what it returned in an earlier run of this saga. Raises nothing that `act` raised."""

    async def pause(self, duration: timedelta) -> None:
        """Returns when that time has passed, also if the process died in between."""


class Notes(Protocol):
    """Where people see how a saga stands."""

    async def load(self, saga_id: str) -> Progress:
        """What is known of the saga."""

    async def save(self, saga_id: str, act: str, progress: Progress, next_try_in: timedelta | None) -> None:
        """Called whenever the state changes, or a wait goes on."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a saga, with what it needs; `draw` spreads pauses, from 0 to 1. A saga that was stuck `is_resumed`."""

    saga: Saga
    id: str
    subject: str
    journal: Journal
    notes: Notes
    patience: Patience
    draw: Callable[[], float]
    is_resumed: bool = False


async def drive(run: Run) -> State:
    """The state it ended in: an end, or stuck."""

    async def load() -> Json:
        return write_progress(await run.notes.load(run.id))

    progress = read_progress(await run.journal.once("load", load)) if run.is_resumed else Progress()
    while next_act(run.saga, progress) is not None:
        progress = await _move(run, progress)
    return progress.state


async def _move(run: Run, progress: Progress) -> Progress:
    """One act, journalled; before one that was waited for, the question whether it is still wanted."""
    act = next_act(run.saga, progress)
    assert act is not None

    async def ask() -> Json:
        return write_progress(await _turn_if_unwanted(run, progress))

    async def attempt() -> Json:
        after, pause = await _attempt(run, progress, act)
        return {"progress": write_progress(after), "pause": pause.total_seconds() if pause else 0}

    if progress.tries and may_turn(run.saga, progress):
        asked = read_progress(await run.journal.once(f"{act.name}?", ask))
        if asked.refusal is not None:
            return asked
    came_to = await run.journal.once(act.name, attempt)
    if came_to["pause"]:
        await run.journal.pause(timedelta(seconds=came_to["pause"]))
    return read_progress(came_to["progress"])


async def _attempt(run: Run, progress: Progress, act: Act) -> tuple[Progress, timedelta | None]:
    outcome = await _perform(run, progress, act)
    after = advance(run.saga, progress, outcome, run.patience)
    if not after.tries:
        after = await _turn_if_unwanted(run, after)
    pause = run.patience.pause(after.tries, run.draw()) if after.state is State.WAITING else None
    if pause is not None or after.state is not progress.state:
        following = next_act(run.saga, after) or act
        await run.notes.save(run.id, following.name, after, pause)
    _log(run, act, outcome, after)
    return after, pause


async def _turn_if_unwanted(run: Run, progress: Progress) -> Progress:
    unwanted = await run.saga.unwanted(run.subject) if may_turn(run.saga, progress) else None
    return progress if unwanted is None else turn(run.saga, progress, unwanted)


async def _perform(run: Run, progress: Progress, act: Act) -> Outcome:
    call = Call(run.id, run.subject, f"{run.id}:{act.name}", progress.done, progress.refusal)
    try:
        async with asyncio.timeout(act.timeout.total_seconds()):
            return await act.perform(call)
    except TimeoutError:
        return Unknown(f"no answer within {act.timeout.total_seconds():g} s")
    except Exception as failure:  # a defect of ours must not end the story: it waits, and a person sees why
        logger.exception("a step of a saga failed", extra={"fields": {"saga": run.id, "step": act.name}})
        return Unknown(f"{type(failure).__name__} in {act.name}")


def _log(run: Run, act: Act, outcome: Outcome, after: Progress) -> None:
    fields: dict[str, object] = {
        "saga": run.id,
        "subject": run.subject,
        "step": act.name,
        "outcome": type(outcome).__name__,
        "state": after.state,
    }
    why = outcome.reason if isinstance(outcome, Refused) else getattr(outcome, "why", None)
    if why:
        fields["why"] = why
    level = logging.WARNING if after.state in (State.WAITING, State.STUCK) else logging.INFO
    logger.log(level, "%s: %s", run.saga.name, act.name, extra={"fields": fields})
