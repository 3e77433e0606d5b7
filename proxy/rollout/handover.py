"""What state a handover is in, and what may happen to it next: a transition table, and the record that is kept of it.

Nothing here calls anybody. Both sides' databases decide who may write; a handover moves that in an order in which never
two may, and can be taken up again from its record after any crash.

The theory. The old side is *fenced* first: from then on it refuses writes, all that were under way have ended, and the
position of its last event is known. Then the new side hears of everything up to there, and only then may it *own*.
Each step is asked under an epoch, and who was moved under a higher one refuses a call that comes late. So:

- Before the fence is known to stand, every failure leads back: the old side is made the owner under the next epoch,
  which also makes void a fence whose answer was lost or that is still on its way.
- Fenced, the new side has not been asked for anything: leading back is the same single call, and needs it not.
- Only what the old side owned at the beginning is led back, and only what the new side did not own is moved at all.
  What the new side owned already stays its own; what was nobody's is nobody's again.
- Drained, the new side may have been asked to own, and may have begun to write. There is only forward: the call is
  repeated until it is answered.
- A call that is refused because of its epoch tells that somebody else moves the same, by hand: what they do stands,
  and this handover is over.
- Owned, the routes follow. When they cannot, ownership goes back as a handover of its own, the other way round and
  under the next epoch, so that what the new side has written by then is not lost.
- A way back that fails leads forward again: the new side goes on to own, and from then on the routes are asked to
  follow until they do. So it ends where the routes lead, either way, and does not go to and fro.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from proxy.config.model import Stage
from proxy.rollout.ownership import Owner, owner_at


class State(StrEnum):
    """What has been reached. It is written down before the calls that leave it."""

    IDLE = "idle"
    HOLDING = "holding"  # writes are held; the old side may have been asked to stop
    FENCED = "fenced"  # the old side has stopped
    DRAINED = "drained"  # the new side has heard everything, and may have been asked to own
    OWNED = "owned"  # the new side writes; routes may have followed
    RETURNING = "returning"  # the old side is to own again
    RELEASED = "released"  # over: held writes go where the routes lead


class Event(StrEnum):
    """What happens to it."""

    BEGIN = "begin"
    FENCED = "fenced"
    HEARD = "heard"
    OWNED = "owned"
    FOLLOWED = "followed"  # by the routes
    FAILED = "failed"
    OVERTAKEN = "overtaken"  # somebody moved the same under a higher epoch


TABLE: Final[Mapping[tuple[State, Event], State]] = {
    (State.IDLE, Event.BEGIN): State.HOLDING,
    (State.HOLDING, Event.FENCED): State.FENCED,
    (State.HOLDING, Event.FAILED): State.RETURNING,
    (State.FENCED, Event.HEARD): State.DRAINED,
    (State.FENCED, Event.FAILED): State.RETURNING,
    (State.DRAINED, Event.OWNED): State.OWNED,
    (State.OWNED, Event.FOLLOWED): State.RELEASED,
    (State.OWNED, Event.FAILED): State.HOLDING,  # the other way round
    (State.RETURNING, Event.OWNED): State.RELEASED,  # or owned, if it had turned
    **{
        (state, Event.OVERTAKEN): State.RELEASED
        for state in (State.HOLDING, State.FENCED, State.DRAINED, State.OWNED, State.RETURNING)
    },
}


class Ending(StrEnum):
    """How a handover ended: the label of `strangler_handovers_total`."""

    DONE = "done"
    GIVEN_BACK = "given_back"  # the side that owned owns
    OVERTAKEN = "overtaken"  # whoever used the higher epoch knows who owns


@dataclass(frozen=True, slots=True)
class Record:
    """One handover. `to` is cutover (the services are to write) or legacy. `fenced` has positions, by entity.

    `services` says which upstream writes each entity when the services own it, `owners` who owned each when it began.
    `evidence` is for the ledger, by route: what was measured when it was decided, and who insisted on what.
    `problem` is why it leads back; `turned`, that it is one whose routes could not follow, on its way back or beyond.
    """

    to: Stage
    epoch: int
    routes: tuple[str, ...]
    services: Mapping[str, str]
    owners: Mapping[str, Owner]
    who: str
    because: str
    began: float  # in seconds since 1970
    state: State = State.IDLE
    fenced: Mapping[str, int] = field(default_factory=dict)
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problem: str = ""
    turned: bool = False
    overtaken: bool = False

    @property
    def id(self) -> str:
        return f"{'+'.join(sorted(self.services))}@{self.epoch}"

    @property
    def entities(self) -> tuple[str, ...]:
        return tuple(sorted(self.services))

    @property
    def to_move(self) -> tuple[str, ...]:
        """Entities that the side that takes did not own when it began."""
        return tuple(entity for entity in self.entities if self.owners[entity] is not owner_at(self.to))

    @property
    def to_give_back(self) -> tuple[str, ...]:
        """Entities that the side that gives owned when it began: nothing else may be made its own again."""
        return tuple(entity for entity in self.entities if self.owners[entity] is owner_at(opposite(self.to)))

    @property
    def ending(self) -> Ending:
        if self.overtaken:
            return Ending.OVERTAKEN
        return Ending.GIVEN_BACK if self.problem else Ending.DONE

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "to": self.to.value,
            "epoch": self.epoch,
            "routes": list(self.routes),
            "services": dict(self.services),
            "owners": {entity: owner.value for entity, owner in self.owners.items()},
            "who": self.who,
            "because": self.because,
            "began": self.began,
            "state": self.state.value,
            "fenced": dict(self.fenced),
            "evidence": {route: dict(said) for route, said in self.evidence.items()},
            "problem": self.problem,
            "turned": self.turned,
            "overtaken": self.overtaken,
        }


def record_from(written: Mapping[str, Any]) -> Record:
    """Raises KeyError, TypeError or ValueError for what is none."""
    services = {str(entity): str(upstream) for entity, upstream in written["services"].items()}
    return Record(
        to=_destination(written["to"]),
        epoch=int(written["epoch"]),
        routes=tuple(map(str, written["routes"])),
        services=services,
        owners={entity: Owner(written["owners"][entity]) for entity in services},
        who=str(written["who"]),
        because=str(written["because"]),
        began=float(written["began"]),
        state=State(written["state"]),
        fenced={str(entity): int(position) for entity, position in written["fenced"].items()},
        evidence={str(route): dict(said) for route, said in written["evidence"].items()},
        problem=str(written["problem"]),
        turned=bool(written["turned"]),
        overtaken=bool(written["overtaken"]),
    )


def advance(record: Record, event: Event, *, fenced: Mapping[str, int] | None = None, problem: str = "") -> Record:
    """The record after `event`. Raises ValueError for one that cannot happen in its state."""
    state = TABLE.get((record.state, event))
    if state is None or (record.turned and (record.state, event) == (State.OWNED, Event.FAILED)):
        raise ValueError(f"{event} cannot happen to a handover that is {record.state}")
    after = replace(
        record,
        state=state,
        fenced=record.fenced if fenced is None else dict(fenced),
        problem=record.problem or problem,
        overtaken=event is Event.OVERTAKEN,
    )
    back = replace(after, to=opposite(record.to), epoch=return_epoch(record), fenced={})
    if record.state is State.OWNED and event is Event.FAILED:
        return replace(back, owners=dict.fromkeys(record.services, owner_at(record.to)), turned=True)
    if record.state is State.RETURNING and event is Event.OWNED and record.turned:
        return replace(back, state=State.OWNED, problem="")
    return after


def resume(record: Record) -> Record:
    """What a process goes on from that finds a record of one that died."""
    if record.state in (State.IDLE, State.HOLDING):
        problem = "the control process ended before the old side had stopped"
        return replace(record, state=State.RETURNING, problem=record.problem or problem)
    return record


def return_epoch(record: Record) -> int:
    """Under which the old side is made the owner again: whatever was asked before is void then."""
    return record.epoch + 1


def opposite(to: Stage) -> Stage:
    return Stage.LEGACY if to is Stage.CUTOVER else Stage.CUTOVER


def _destination(written: object) -> Stage:
    to = Stage(str(written))
    if to not in (Stage.CUTOVER, Stage.LEGACY):
        raise ValueError(f"nothing is handed over to {to}")
    return to
