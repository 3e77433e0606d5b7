"""What an attempt at a step can come to: a small closed set, because the plan must answer each of them.

The difference that matters most is between `NotNow` (certainly not done) and `Unknown` (perhaps done): only what is
known may be compensated, so a step in doubt is asked again until somebody answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """The step is done; `result` is what its compensation and later steps need of it."""

    result: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The step is not done and never will be, for a reason of the business: what was done before is undone."""

    reason: str
    detail: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotNow:
    """The step is not done, and may be later: nobody listens there, or somebody else owns the data at the moment."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The step may be done: the answer was lost."""

    why: str


@dataclass(frozen=True, slots=True)
class Superseded:
    """Someone else has finished what this saga was for; nothing is left to do or to undo."""

    why: str


Outcome = Done | Refused | NotNow | Unknown | Superseded
