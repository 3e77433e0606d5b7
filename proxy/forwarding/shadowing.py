"""The upstreams that copies of requests go to: a pure function on a snapshot.

Copies share nothing with requests but addresses: they have connections, a breaker and counts of their own.
"""

from dataclasses import replace
from typing import Final

from proxy.config.model import Snapshot, Upstream
from proxy.config.policy import Breaker, Conditions, ErrorCondition, Retry
from proxy.routing.mirror import is_mirrored

OWN: Final = " (shadow)"
"""Ends the name of an upstream as copies see it. No upstream of a file has a name like that."""

_LEFT_ALONE: Final = Breaker(on=Conditions(errors=tuple(ErrorCondition)))
"""A shadowed service is left alone while it does not answer; wrong answers, a 500 too, are what is looked for."""


def for_copies(snapshot: Snapshot) -> dict[str, Upstream]:
    """The upstreams that copies go to, under names of their own. Both sides of a route: one is asked a second time."""
    services = {route.to for route in snapshot.routes if route.to and is_mirrored(route)}
    names = sorted(services | {snapshot.legacy}) if services else []
    return {name + OWN: _guarded(snapshot.upstreams[name]) for name in names}


def _guarded(upstream: Upstream) -> Upstream:
    """The same upstream with guards that fit copies: no retries, a breaker in any case, a place for all that come."""
    return replace(upstream, name=upstream.name + OWN, retry=Retry(attempts=1), breaker=_LEFT_ALONE, bulkhead=None)
