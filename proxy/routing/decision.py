"""Which side answers a request, and why.

A decision depends on the route and on a trusted caller's wish, at canary on the user too (`split`), never on time,
chance or load. The reason is one of a closed set, the same in logs, metrics, headers and `strangler explain`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Protocol

from proxy.config.model import DEFAULT_ROUTE, Route, Stage


class Side(StrEnum):
    """Who answers the client."""

    LEGACY = "legacy"
    SERVICE = "service"
    NONE = "none"  # we do ourselves


class Reason(StrEnum):
    """Why that side."""

    DEFAULT = "default"  # no route claims the request
    STAGE = "stage"  # the route's stage says so
    WEIGHT = "weight"  # at canary: the user's bucket lies on that side
    ALLOW = "allow"  # at canary: the file names the user, for the service
    DENY = "deny"  # at canary: the file names the user, for the monolith
    PIN = "pin"  # at canary: that side has just taken a write of the user's
    OVERRIDE = "override"  # a trusted caller asked for it
    FALLBACK = "fallback"  # the service failed, and the monolith answers in its place
    BREAKER = "breaker"  # the service is left alone, and the monolith answers in its place
    HANDOVER = "handover"  # a write that came while writing moved, and could not wait for the end of that
    RETIRED = "retired"  # the route is retired; the client is told so


@dataclass(frozen=True, slots=True)
class Decision:
    """Where requests go.

    `upstream` is None when we answer, and when the answer is composed: then the side is the service's.
    """

    route: str
    side: Side
    reason: Reason
    upstream: str | None
    rewrites: bool  # whether the path is rewritten on the way


class SplitDecisions(NamedTuple):
    """What is decided for a user at canary."""

    reached: Decision  # by the weight
    others: Decision
    allowed: Decision
    denied: Decision
    pinned_to_service: Decision
    pinned_to_legacy: Decision


@dataclass(frozen=True, slots=True)
class Decisions:
    """Every decision a route can lead to, made beforehand so that a request allocates nothing.

    At canary the user decides: `split` has all there are, and `normal` is for those whom the weight does not reach.
    """

    normal: Decision
    to_legacy: Decision
    to_service: Decision
    split: SplitDecisions | None = None

    def __iter__(self) -> Iterator[Decision]:
        """Each once: they are told apart by identity, as plans are found by it."""
        every = (self.normal, self.to_legacy, self.to_service, *(self.split or ()))
        yield from {id(decision): decision for decision in every}.values()


class Claimed(Protocol):
    """What a match gives: a route with its decisions."""

    @property
    def decisions(self) -> Decisions: ...


def foresee(route: Route, legacy: str, *, rewrites: bool) -> Decisions:
    """The decisions of a route. Without a service, a wish for it changes nothing."""
    to_legacy = Decision(route.name, Side.LEGACY, Reason.OVERRIDE, legacy, rewrites=False)
    if route.to is None and not route.aggregate:
        normal = _by_stage(route, legacy, rewrites)
        return Decisions(normal, to_legacy, normal)
    to_service = Decision(route.name, Side.SERVICE, Reason.OVERRIDE, route.to, rewrites)
    if route.stage is Stage.CANARY:
        split = _split(to_legacy, to_service)
        return Decisions(split.others, to_legacy, to_service, split)
    return Decisions(_by_stage(route, legacy, rewrites), to_legacy, to_service)


def decide(matched: Claimed | None, legacy: str, override: Side | None = None) -> Decision:
    """The decision for a request: `matched` is its route, or None; `override` the side a trusted caller asked for.

    At canary it takes a user to decide: see `split.choose`.
    """
    if matched is None:
        return by_default(legacy)
    decisions = matched.decisions
    if override is Side.LEGACY:
        return decisions.to_legacy
    return decisions.to_service if override is Side.SERVICE else decisions.normal


@lru_cache(maxsize=64)
def by_default(legacy: str) -> Decision:
    """What becomes of a request that no route claims."""
    return Decision(DEFAULT_ROUTE, Side.LEGACY, Reason.DEFAULT, legacy, rewrites=False)


def _split(to_legacy: Decision, to_service: Decision) -> SplitDecisions:
    return SplitDecisions(
        reached=replace(to_service, reason=Reason.WEIGHT),
        others=replace(to_legacy, reason=Reason.WEIGHT),
        allowed=replace(to_service, reason=Reason.ALLOW),
        denied=replace(to_legacy, reason=Reason.DENY),
        pinned_to_service=replace(to_service, reason=Reason.PIN),
        pinned_to_legacy=replace(to_legacy, reason=Reason.PIN),
    )


def _by_stage(route: Route, legacy: str, rewrites: bool) -> Decision:
    match route.stage:
        case Stage.LEGACY | Stage.SHADOW:
            return Decision(route.name, Side.LEGACY, Reason.STAGE, legacy, rewrites=False)
        case Stage.CUTOVER if route.to is not None or route.aggregate:
            return Decision(route.name, Side.SERVICE, Reason.STAGE, route.to, rewrites)
        case Stage.RETIRED:
            return Decision(route.name, Side.NONE, Reason.RETIRED, None, rewrites=False)
        case _:
            raise ValueError(f"route {route.name} is at stage {route.stage} and has no service to go to")
