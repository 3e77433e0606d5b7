"""Totals as workers would have counted them, for tests of what is measured."""

from bisect import bisect_left
from typing import Any

from proxy.observability.counters import BUCKETS
from proxy.observability.metrics import Totals, merge
from proxy.observability.windows import Answers

NOTHING = Answers()


def answers(requests: int, errors: int = 0, seconds: float | list[float] = 0.01) -> Answers:
    """`seconds`: of every answer, or of each."""
    took = seconds if isinstance(seconds, list) else [seconds] * requests
    durations = [0] * (len(BUCKETS) + 1)
    for one in took:
        durations[bisect_left(BUCKETS, one)] += 1
    return Answers(requests, errors, BUCKETS, tuple(durations))


def batch(
    route: str, legacy: Answers = NOTHING, service: Answers = NOTHING, fallbacks: dict[str, int] | None = None
) -> dict[str, Any]:
    """What one worker says it has counted."""
    rows, durations = [], []
    for side, found in (("legacy", legacy), ("service", service)):
        rows.append([route, side, "weight", "2xx", found.requests - found.errors])
        rows.append([route, side, "weight", "5xx", found.errors])
        durations.append([route, side, list(found.durations), 0.0, sum(found.durations)])
    counters = [
        ["strangler_fallback_total", {"route": route, "status": why}, n] for why, n in (fallbacks or {}).items()
    ]
    return {"buckets": list(BUCKETS), "requests": rows, "durations": durations, "counters": counters, "gauges": []}


def totals(*batches: dict[str, Any]) -> Totals:
    return merge(batches)
