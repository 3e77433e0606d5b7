"""Drives one saga to an end: plans, acts, notes, waits. Whatever it does goes through a journal.

The journal remembers what each act came to, and gives that back to a run that repeats it after a crash: so this
function may be begun again anywhere, and must do nothing that is not planned or journalled.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

from .outcomes import Json, Outcome, Refused, Unknown
from .plan import Patience, Progress, advance, asks_first, next_act, read_progress, write_progress
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

    async def load(self, saga_id: str) -> tuple[str, Progress]:
        """The saga's subject, and what is known of it."""

    async def save(self, saga_id: str, act: str, progress: Progress, next_try_in: timedelta | None) -> None: ...


async def drive(
    saga: Saga, saga_id: str, journal: Journal, notes: Notes, *, patience: Patience, draw: Callable[[], float]
) -> State:
    """The state it ended in: an end, or stuck."""

    async def load() -> Json:
        subject, progress = await notes.load(saga_id)
        return {"subject": subject, "progress": write_progress(progress)}

    loaded = await journal.once("load", load)
    subject, progress = loaded["subject"], read_progress(loaded["progress"])
    while (act := next_act(saga, progress)) is not None:
        run = _Run(saga, saga_id, subject, progress, notes, patience, draw)
        if asks_first(saga, progress):
            asked = await journal.once(f"{act.name}?", run.ask)
            if asked:
                progress = read_progress(asked["progress"])
                continue
        told = await journal.once(act.name, run.attempt)
        progress = read_progress(told["progress"])
        if progress.state is State.WAITING:
            await journal.pause(timedelta(seconds=told["pause"]))
    return progress.state


class _Run:
    """One move of a saga: what the journal runs, and repeats if its answer was lost."""

    def __init__(
        self,
        saga: Saga,
        saga_id: str,
        subject: str,
        progress: Progress,
        notes: Notes,
        patience: Patience,
        draw: Callable[[], float],
    ) -> None:
        act = next_act(saga, progress)
        assert act is not None
        self._saga, self._id, self._subject, self._progress = saga, saga_id, subject, progress
        self._act, self._notes, self._patience, self._draw = act, notes, patience, draw

    async def ask(self) -> Json:
        unwanted = await self._saga.unwanted(self._subject)
        return {} if unwanted is None else await self._note(unwanted)

    async def attempt(self) -> Json:
        return await self._note(await self._saga.superseded(self._subject) or await self._perform())

    async def _note(self, outcome: Outcome) -> Json:
        progress = advance(self._saga, self._progress, outcome, self._patience)
        waits = progress.state is State.WAITING
        pause = self._patience.pause(progress.tries, self._draw()) if waits else None
        following = next_act(self._saga, progress)
        await self._notes.save(self._id, following.name if following else self._act.name, progress, pause)
        _log(self._saga, self._id, self._subject, self._act, outcome, progress)
        return {"progress": write_progress(progress), "pause": pause.total_seconds() if pause else 0}

    async def _perform(self) -> Outcome:
        call = Call(
            self._id, self._subject, f"{self._id}:{self._act.name}", self._progress.done, self._progress.refusal
        )
        try:
            async with asyncio.timeout(self._act.timeout.total_seconds()):
                return await self._act.perform(call)
        except TimeoutError:
            return Unknown(f"no answer within {self._act.timeout.total_seconds():g} s")
        except Exception as failure:  # a defect of ours must not end the story: it waits, and a person sees why
            logger.exception("a step of a saga failed", extra={"fields": {"saga": self._id, "step": self._act.name}})
            return Unknown(f"{type(failure).__name__} in {self._act.name}")


def _log(saga: Saga, saga_id: str, subject: str, act: Act, outcome: Outcome, progress: Progress) -> None:
    fields: dict[str, object] = {
        "saga": saga_id,
        "subject": subject,
        "step": act.name,
        "outcome": type(outcome).__name__,
        "state": progress.state,
    }
    why = outcome.reason if isinstance(outcome, Refused) else getattr(outcome, "why", None)
    if why:
        fields["why"] = why
    level = logging.WARNING if progress.state in (State.WAITING, State.STUCK) else logging.INFO
    logger.log(level, "%s: %s", saga.name, act.name, extra={"fields": fields})
