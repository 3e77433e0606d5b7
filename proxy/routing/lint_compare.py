"""Warnings about what is copied and compared: requests that seem to be and are not, and rules whose time is over."""

from collections.abc import Iterator
from datetime import date

from proxy.config.compare import WRITES
from proxy.config.errors import Problem
from proxy.config.model import Snapshot
from proxy.routing.mirror import is_mirrored
from proxy.routing.reach import warning


def lint_compare(snapshot: Snapshot, today: date) -> Iterator[Problem]:
    yield from _writes_that_are_not_copied(snapshot)
    yield from _rules_that_have_ended(snapshot, today)


def _writes_that_are_not_copied(snapshot: Snapshot) -> Iterator[Problem]:
    for route in snapshot.routes:
        listed = {method for match in route.matches for method in match.methods}
        left_out = sorted(listed & WRITES - route.shadow.methods) if route.shadow and is_mirrored(route) else []
        if left_out:
            yield warning(
                route.place,
                f"of route {route.name} only GET and HEAD are copied, not {', '.join(left_out)}",
                "give reading and writing a route each; a sandboxed upstream takes writes with shadow.allow_writes",
            )


def _rules_that_have_ended(snapshot: Snapshot, today: date) -> Iterator[Problem]:
    told = set()
    for route in snapshot.routes:
        for rule in route.compare.ignore:
            if rule.holds(today) or rule.place in told:
                continue
            told.add(rule.place)
            yield warning(
                rule.place,
                f"{rule.subject} is no longer ignored: until {rule.until} is over",
                "remove the rule, or give it a later day",
            )
