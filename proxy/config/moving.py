"""How routes.yaml wants a route moved: which users first, what must hold before more follow, and who may write what.

Settings alone, validated, with units resolved: shares are 0..1, durations timedelta. What follows them lives in
`proxy.routing.split`, `proxy.rollout` and on the data path.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from proxy.config.policy import Key


@dataclass(frozen=True, slots=True)
class Canary:
    """Which users the service answers at stage canary, and how their share grows."""

    weight: float = 0.01  # share of the users, in steps of 0.0001
    steps: tuple[float, ...] = ()  # shares to raise it to, ascending; without any, only people move it
    hold: timedelta = timedelta(minutes=15)  # at every step, before the gates let the next one come
    sticky: Key | None = None  # what a user is; None: a cookie of ours, else Authorization, else the address
    allow: tuple[str, ...] = ()  # keys that always go to the service
    deny: tuple[str, ...] = ()  # keys that never do
    paused: bool = False  # nobody but a person moves it
    dry_run: bool = False  # what would be done is told, and not done


class GateKind(StrEnum):
    """What a gate measures. The values are the keys of `gates`; any other key is a custom one."""

    SAMPLES = "samples"
    MATCH_RATE = "match_rate"
    ERROR_RATE = "error_rate"
    LATENCY_P95 = "latency_p95"
    CUSTOM = "custom"


class Bound(StrEnum):
    """On which side of the limit a measured value must lie; the limit itself is within."""

    AT_LEAST = ">="
    AT_MOST = "<="


class Relation(StrEnum):
    """What a limit's number is: the limit itself, or added to, or multiplied with, what the monolith shows."""

    ABSOLUTE = ""
    PLUS = "+"
    TIMES = "*"


@dataclass(frozen=True, slots=True)
class Limit:
    """`>= 99.9%`, `<= legacy * 1.2`. Numbers are counts, shares (0..1), seconds, or whatever a custom query gives."""

    bound: Bound
    number: float
    relation: Relation = Relation.ABSOLUTE


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing that must hold. `query` (of PromQL) and `url` are a custom gate's, and only its."""

    name: str
    kind: GateKind
    limit: Limit
    query: str | None = None
    url: str | None = None


DEFAULT_GATES = (
    Gate("samples", GateKind.SAMPLES, Limit(Bound.AT_LEAST, 500)),
    Gate("match_rate", GateKind.MATCH_RATE, Limit(Bound.AT_LEAST, 0.999)),
    Gate("error_rate", GateKind.ERROR_RATE, Limit(Bound.AT_MOST, 0.001, Relation.PLUS)),
    Gate("latency_p95", GateKind.LATENCY_P95, Limit(Bound.AT_MOST, 1.2, Relation.TIMES)),
)


@dataclass(frozen=True, slots=True)
class Gates:
    """What must hold, over the last `window`, before a route moves on."""

    window: timedelta = timedelta(seconds=60)
    gates: tuple[Gate, ...] = DEFAULT_GATES


class OnBreach(StrEnum):
    """What becomes of a rollout when a gate is certainly broken."""

    ROLLBACK = "rollback"
    PAUSE = "pause"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Hooks:
    """URLs that are told (POST, JSON) of a rollout's moves. One that refuses the step before it keeps it back."""

    before_step: str | None = None
    after_rollback: str | None = None
    timeout: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Writes:
    """What a route's requests change: entities, each with one writer at a time."""

    entities: tuple[str, ...]
    point_of_no_return: bool = False  # after its cutover no one but a person, who insists, goes back


@dataclass(frozen=True, slots=True)
class Handover:
    """How long the writing of entities may be held while it moves, and how many requests that may be."""

    hold_timeout: timedelta = timedelta(seconds=5)  # then a held request is answered 503
    queue: int = 500  # held requests, all workers together; above it 503 at once
    drain_timeout: timedelta = timedelta(seconds=3)  # for the new side to hear all the old one wrote


@dataclass(frozen=True, slots=True)
class Sync:
    """Where an upstream tells who writes what, and is told: the path under which it does, and the token it wants."""

    path: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Moving:
    """All of it, for one route."""

    canary: Canary | None = None  # always there at stage canary
    gates: Gates = Gates()
    on_breach: OnBreach = OnBreach.ROLLBACK
    hooks: Hooks = Hooks()
    writes: Writes | None = None
    pin: timedelta = timedelta(seconds=5)  # for which a user's group stays with the side that took a write
    handover: Handover = Handover()


DEFAULT_MOVING = Moving()
