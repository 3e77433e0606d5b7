"""Which side answers a request, and why.

A decision depends on the route and on a trusted caller's wish, never on time, chance or load. The reason is one of a
closed set, the same in logs, metrics, headers and `strangler explain`.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

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
    OVERRIDE = "override"  # a trusted caller asked for it
    FALLBACK = "fallback"  # the service failed, and the monolith answers in its place
    BREAKER = "breaker"  # the service is left alone, and the monolith answers in its place
    HANDOVER = "handover"  # a write that came while writing moved, and could not wait for the end of that
    RETIRED = "retired"  # the route is retired; the client is told so


@dataclass(frozen=True, slots=True)
class Decision:
    """Where one request goes. `bucket` is None where no share decided.

    `upstream` is None when we answer, and when the answer is composed: then the side is the service's.
    """

    route: str
    side: Side
    reason: Reason
    upstream: str | None
    rewrites: bool  # whether the path is rewritten on the way
    bucket: int | None = None


@dataclass(frozen=True, slots=True)
class Decisions:
    """Every decision a route can lead to, made beforehand so that a request allocates nothing."""

    normal: Decision
    to_legacy: Decision
    to_service: Decision


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
    return Decisions(_by_stage(route, legacy, rewrites), to_legacy, to_service)


def decide(matched: Claimed | None, legacy: str, override: Side | None = None) -> Decision:
    """The decision for a request: `matched` is its route, or None; `override` the side a trusted caller asked for."""
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
