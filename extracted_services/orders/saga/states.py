"""The states of a saga, and where each may go. Reports and documents read the same table.

    running → done
       │ refused
    compensating → compensated

From either it goes to `waiting` when a step cannot be done or told yet, and back or on when it can; a saga that has
waited long enough, or whose undoing is refused, is `stuck`: a run of it ends, and a person sets it going again.
`superseded`: someone else finished what it was for.
"""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    COMPENSATING = "compensating"
    STUCK = "stuck"
    DONE = "done"
    COMPENSATED = "compensated"
    SUPERSEDED = "superseded"


_ENDS = {State.COMPENSATED, State.SUPERSEDED}

NEXT: Mapping[State, frozenset[State]] = {
    State.RUNNING: frozenset({State.WAITING, State.COMPENSATING, State.DONE, *_ENDS}),
    State.COMPENSATING: frozenset({State.WAITING, State.STUCK, *_ENDS}),
    State.WAITING: frozenset({State.RUNNING, State.COMPENSATING, State.STUCK, State.DONE, *_ENDS}),
    State.STUCK: frozenset({State.RUNNING, State.COMPENSATING, State.SUPERSEDED}),
    State.DONE: frozenset(),
    State.COMPENSATED: frozenset(),
    State.SUPERSEDED: frozenset(),
}
FINAL = frozenset(state for state, following in NEXT.items() if not following)
"""Nothing will ever happen to these again."""
