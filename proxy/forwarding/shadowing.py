"""Which routes are mirrored, and what of their upstreams is different for copies: pure functions on a snapshot.

Copies share nothing with requests but addresses: they have connections, a breaker and counts of their own.
"""

from dataclasses import replace
from typing import Final

from proxy.config.compare import Shadow
from proxy.config.model import Route, Snapshot, Stage, Upstream
from proxy.config.policy import Breaker, Conditions, ErrorCondition, Retry

SAFE: Final = frozenset({"GET", "HEAD"})
WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})

OWN: Final = " (shadow)"
"""Ends the name of an upstream as copies see it. No upstream of a file has a name like that."""

_LEFT_ALONE: Final = Breaker(on=Conditions(errors=tuple(ErrorCondition)))
"""A shadowed service is left alone while it does not answer; wrong answers, a 500 too, are what is looked for."""


def is_mirrored(route: Route) -> bool:
    """Whether copies of its requests go to the side that does not answer."""
    return route.shadow is not None and route.to is not None and route.stage in (Stage.SHADOW, Stage.CUTOVER)


def copied_methods(shadow: Shadow) -> frozenset[str]:
    return SAFE | WRITES if shadow.allow_writes else SAFE


def for_copies(snapshot: Snapshot) -> dict[str, Upstream]:
    """The upstreams that copies go to, under names of their own. Both sides of a route: one is asked a second time."""
    services = {route.to for route in snapshot.routes if route.to and is_mirrored(route)}
    names = sorted(services | {snapshot.legacy}) if services else []
    return {name + OWN: _guarded(snapshot.upstreams[name]) for name in names}


def _guarded(upstream: Upstream) -> Upstream:
    """The same upstream with guards that fit copies: no retries, a breaker in any case, a place for all that come."""
    return replace(upstream, name=upstream.name + OWN, retry=Retry(attempts=1), breaker=_LEFT_ALONE, bulkhead=None)
