"""What a worker counts: cumulative numbers that only this process writes and that are read once a second.

Nothing here waits, locks or allocates on a request's way but a list index and two additions.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any, Final

BUCKETS: Final = (
    0.001, 0.0015, 0.002, 0.0025, 0.0035, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.035, 0.05, 0.075,
    0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.5, 5.0, 7.5, 10.0,
)  # fmt: skip
"""Upper bounds in seconds of the duration histogram; one more bucket takes the rest.

At most 1.5 times apart: a gate that says `legacy * 1.2` could tell nothing from wider ones.
"""

CODE_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")


class RouteStats:
    """Counts of one (route, side, reason). The route's name labels them, never a path."""

    __slots__ = ("buckets", "classes", "reason", "route", "seconds", "side")

    def __init__(self, route: str, side: str, reason: str) -> None:
        self.route = route
        self.side = side
        self.reason = reason
        self.classes = [0] * 6  # by first digit of the status; 0 is never used
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0

    def observe(self, status: int, seconds: float) -> None:
        self.classes[status // 100] += 1
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds

    @property
    def total(self) -> int:
        return sum(self.classes)


class WriteStats:
    """Counts the writes of these entities that one side accepted."""

    __slots__ = ("accepted", "entities", "side")

    def __init__(self, entities: tuple[str, ...], side: str) -> None:
        self.entities = entities
        self.side = side
        self.accepted = 0


@dataclass(slots=True)
class Gauges:
    """What there is of something right now."""

    connections: int = 0
    in_flight: int = 0
    tunnels: int = 0
    upstream_connections: int = 0
    upstream_idle: int = 0
    paths_remembered: int = 0


@dataclass(slots=True)
class Counters:
    """All a worker counts. Survives snapshots, so that no reload takes a counter back."""

    routes: dict[tuple[str, str, str], RouteStats] = field(default_factory=dict)
    failures: dict[tuple[str, str], int] = field(default_factory=dict)  # by upstream and outcome
    refusals: dict[str, int] = field(default_factory=dict)  # by outcome
    held_off: dict[tuple[str, str], int] = field(default_factory=dict)  # by upstream and outcome: it was not asked
    ejections: dict[str, int] = field(default_factory=dict)  # by upstream
    gauges: Gauges = field(default_factory=Gauges)
    upstream_connects: int = 0
    stale_retries: int = 0
    retries: int = 0
    fallbacks: dict[tuple[str, str], int] = field(default_factory=dict)  # by route and what the service came to
    parts: dict[tuple[str, str, str], int] = field(default_factory=dict)  # by route, part and what came of it
    shadows: dict[tuple[str, str], int] = field(default_factory=dict)  # by route and what became of the copy
    traffic_other: int = 0
    writes: dict[tuple[tuple[str, ...], str], WriteStats] = field(default_factory=dict)  # by entities and side
    table_resets: int = 0
    connections_refused: int = 0
    log_lines_dropped: int = 0

    def route(self, route: str, side: str, reason: str) -> RouteStats:
        key = (route, side, reason)
        stats = self.routes.get(key)
        if stats is None:
            stats = self.routes[key] = RouteStats(route, side, reason)
        return stats

    def writing(self, entities: tuple[str, ...], side: str) -> WriteStats:
        key = (entities, side)
        stats = self.writes.get(key)
        if stats is None:
            stats = self.writes[key] = WriteStats(entities, side)
        return stats

    def count_failure(self, upstream: str, outcome: str) -> None:
        key = (upstream, outcome)
        self.failures[key] = self.failures.get(key, 0) + 1

    def count_refusal(self, outcome: str) -> None:
        self.refusals[outcome] = self.refusals.get(outcome, 0) + 1

    def count_held_off(self, upstream: str, outcome: str) -> None:
        key = (upstream, outcome)
        self.held_off[key] = self.held_off.get(key, 0) + 1

    def count_ejection(self, upstream: str) -> None:
        self.ejections[upstream] = self.ejections.get(upstream, 0) + 1

    def count_fallback(self, route: str, why: str) -> None:
        key = (route, why)
        self.fallbacks[key] = self.fallbacks.get(key, 0) + 1

    def count_shadow(self, route: str, outcome: str) -> None:
        key = (route, outcome)
        self.shadows[key] = self.shadows.get(key, 0) + 1

    def count_part(self, route: str, part: str, outcome: str) -> None:
        key = (route, part, outcome)
        self.parts[key] = self.parts.get(key, 0) + 1

    def export(self) -> dict[str, Any]:
        """All numbers, JSON-able: `requests`, `durations`, `buckets`, `counters`, `gauges`."""
        return {
            "requests": [
                [stats.route, stats.side, stats.reason, name, stats.classes[digit]]
                for stats in self.routes.values()
                for digit, name in enumerate(CODE_CLASSES, start=1)
                if stats.classes[digit]
            ],
            "durations": [
                [route, side, buckets, seconds, total]
                for (route, side), (buckets, seconds, total) in self._durations().items()
            ],
            "buckets": list(BUCKETS),
            "counters": self._plain_counters(),
            "gauges": [
                ["strangler_connections", {}, self.gauges.connections],
                ["strangler_requests_in_flight", {}, self.gauges.in_flight],
                ["strangler_tunnels", {}, self.gauges.tunnels],
                ["strangler_upstream_connections", {}, self.gauges.upstream_connections],
                ["strangler_upstream_connections_idle", {}, self.gauges.upstream_idle],
                ["strangler_paths_remembered", {}, self.gauges.paths_remembered],
            ],
        }

    def _durations(self) -> dict[tuple[str, str], tuple[list[int], float, int]]:
        merged: dict[tuple[str, str], tuple[list[int], float, int]] = {}
        for stats in self.routes.values():
            if not stats.total:
                continue
            buckets, seconds, total = merged.get((stats.route, stats.side), ([0] * len(stats.buckets), 0.0, 0))
            merged[stats.route, stats.side] = (
                [left + right for left, right in zip(buckets, stats.buckets, strict=True)],
                seconds + stats.seconds,
                total + stats.total,
            )
        return merged

    def _writes(self) -> dict[tuple[str, str], int]:
        """By entity and side: a route may write several, and several routes one."""
        table: dict[tuple[str, str], int] = {}
        for stats in self.writes.values():
            for entity in stats.entities:
                table[entity, stats.side] = table.get((entity, stats.side), 0) + stats.accepted
        return table

    def _plain_counters(self) -> list[list[Any]]:
        rows: list[list[Any]] = [
            ["strangler_upstream_failures_total", {"upstream": upstream, "outcome": outcome}, count]
            for (upstream, outcome), count in self.failures.items()
        ]
        rows += [
            ["strangler_upstream_held_off_total", {"upstream": upstream, "outcome": outcome}, count]
            for (upstream, outcome), count in self.held_off.items()
        ]
        rows += [["strangler_ejections_total", {"upstream": name}, count] for name, count in self.ejections.items()]
        rows += [["strangler_refusals_total", {"outcome": outcome}, count] for outcome, count in self.refusals.items()]
        rows += [
            ["strangler_fallback_total", {"route": route, "status": why}, count]
            for (route, why), count in self.fallbacks.items()
        ]
        rows += [
            ["strangler_aggregate_parts_total", {"route": route, "part": part, "outcome": outcome}, count]
            for (route, part, outcome), count in self.parts.items()
        ]
        rows += [
            ["strangler_shadow_total", {"route": route, "outcome": outcome}, count]
            for (route, outcome), count in self.shadows.items()
        ]
        rows += [
            ["strangler_writes_total", {"entity": entity, "side": side}, count]
            for (entity, side), count in self._writes().items()
        ]
        rows += [
            ["strangler_retries_total", {}, self.retries],
            ["strangler_upstream_connects_total", {}, self.upstream_connects],
            ["strangler_stale_retries_total", {}, self.stale_retries],
            ["strangler_traffic_other_total", {}, self.traffic_other],
            ["strangler_line_table_resets_total", {}, self.table_resets],
            ["strangler_connections_refused_total", {}, self.connections_refused],
            ["strangler_access_log_dropped_total", {}, self.log_lines_dropped],
        ]
        return rows
