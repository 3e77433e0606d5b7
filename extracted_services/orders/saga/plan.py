"""What a saga does next, from what it has done: pure, so that every story can be tested as a transcript.

A refusal turns the saga round: whatever is done is undone, last first. Nothing is undone while a step is in doubt,
and a saga that has waited long enough is stuck, never given up.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from .outcomes import Done, Json, NotNow, Outcome, Refused, Superseded, Unknown
from .states import State
from .story import Act, Saga


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a step is asked again, with growing pauses: some twenty-five minutes as it stands."""

    first: timedelta = timedelta(milliseconds=50)  # most faults have passed by then, and a customer waits two seconds
    factor: float = 2.0
    most: timedelta = timedelta(seconds=30)
    tries: int = 60

    def pause(self, tries: int, draw: float) -> timedelta:
        """Before the next try, after `tries` of them; `draw`, from 0 to 1, spreads those who wait for the same."""
        grown = min(self.most, self.first * self.factor ** min(tries - 1, 30))
        return grown * (0.5 + draw / 2)


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of one saga. `done` has the result of every step that is done, in order; `undone` the names of the
    compensations that are; `tries`, `in_doubt` and `problem` are of the act that is next."""

    done: Mapping[str, Json] = field(default_factory=dict)
    undone: tuple[str, ...] = ()
    refusal: Refused | None = None
    ended: State | None = None
    tries: int = 0
    in_doubt: bool = False
    problem: str | None = None

    @property
    def state(self) -> State:
        if self.ended is not None:
            return self.ended
        if self.tries:
            return State.WAITING
        return State.RUNNING if self.refusal is None else State.COMPENSATING


def next_act(saga: Saga, progress: Progress) -> Act | None:
    """The act that is next, forward or back; None at an end."""
    if progress.ended is not None:
        return None
    if progress.refusal is None:
        return next((step.act for step in saga.steps if step.act.name not in progress.done), None)
    undos = [step.undo for step in reversed(saga.steps) if step.act.name in progress.done and step.undo is not None]
    if saga.undone_by is not None:
        undos.append(saga.undone_by)
    return next((undo for undo in undos if undo.name not in progress.undone), None)


def may_turn(saga: Saga, progress: Progress) -> bool:
    """Whether to ask, before the next act, if the saga is still wanted: never while that act may be done already, and
    not next to a step in our own database, which has seen by itself, or will see, what is wanted."""
    act = next_act(saga, progress)
    if act is None or progress.refusal is not None or progress.in_doubt:
        return False
    if progress.tries:
        return saga.find(act.name).is_remote
    return saga.find(act.name).is_remote and bool(progress.done) and saga.find([*progress.done][-1]).is_remote


def turn(saga: Saga, progress: Progress, refusal: Refused) -> Progress:
    """Round, because of that: everything that is done is undone."""
    return _settle(saga, replace(progress, refusal=refusal, tries=0, in_doubt=False, problem=None))


def advance(saga: Saga, progress: Progress, outcome: Outcome, patience: Patience) -> Progress:
    """What is known after the next act came to this."""
    act = next_act(saga, progress)
    assert act is not None
    match outcome:
        case Done(result):
            return _settle(saga, _note_done(progress, act, result))
        case Refused(reason, _) if progress.refusal is not None:  # what undoes must not fail: a person has to look
            return replace(progress, ended=State.STUCK, problem=f"{act.name} was refused: {reason}")
        case Refused():
            return turn(saga, progress, outcome)
        case Superseded(why):
            return replace(progress, ended=State.SUPERSEDED, problem=why)
        case NotNow(why) | Unknown(why):
            tries = progress.tries + 1
            return replace(
                progress,
                tries=tries,
                in_doubt=progress.in_doubt or isinstance(outcome, Unknown),
                problem=why,
                ended=State.STUCK if tries >= patience.tries else None,
            )


def resume(progress: Progress) -> Progress:
    """A stuck saga, set going again where it stopped."""
    if progress.ended is not State.STUCK:
        raise ValueError(f"a saga that is {progress.state} cannot be resumed")
    return replace(progress, ended=None, tries=0)


def _note_done(progress: Progress, act: Act, result: Json) -> Progress:
    settled = replace(progress, tries=0, in_doubt=False, problem=None)
    if progress.refusal is None:
        return replace(settled, done={**progress.done, act.name: result})
    return replace(settled, undone=(*progress.undone, act.name))


def _settle(saga: Saga, progress: Progress) -> Progress:
    """Ended, if nothing is left to do."""
    if next_act(saga, progress) is not None:
        return progress
    return replace(progress, ended=State.DONE if progress.refusal is None else State.COMPENSATED)


def write_progress(progress: Progress) -> Json:
    """As JSON, to be kept; `read_progress` makes it equal again."""
    return {**dataclasses.asdict(progress), "undone": list(progress.undone)}


def read_progress(document: Json) -> Progress:
    fields = dict(document)
    refusal, ended = fields.pop("refusal"), fields.pop("ended")
    return Progress(
        **{**fields, "undone": tuple(fields["undone"])},
        refusal=None if refusal is None else Refused(**refusal),
        ended=None if ended is None else State(ended),
    )
