"""What workers counted, added up, in the exposition format of Prometheus.

A worker's batch is cumulative since that worker began; adding up batches is a pure function, so a lost batch loses
nothing. Labels are names of routes, sides and outcomes, never a path or anything else a client chooses.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

Labels = tuple[tuple[str, str], ...]

REQUESTS = "strangler_requests_total"
DURATION = "strangler_request_duration_seconds"

HELP: Mapping[str, str] = {
    REQUESTS: "Requests answered, by route, side, reason of the decision and class of the status.",
    DURATION: "Seconds from a request's head to the end of its answer.",
    "strangler_config_last_reload_successful": "1 if the file as it is now is the one that serves, else 0.",
    "strangler_config_last_reload_success_timestamp_seconds": "When a file was last taken, in seconds since 1970.",
    "strangler_build_info": "Always 1; the labels say what runs.",
    "strangler_config_info": "Always 1; the label says which revision serves.",
    "strangler_workers": "Workers that are meant to run.",
    "strangler_workers_connected": "Workers that report to the control process.",
    "strangler_worker_restarts_total": "Workers started again after they ended by themselves.",
    "strangler_control_restarts_total": "Control processes started again after they ended by themselves.",
    "strangler_draining": "1 while the server is ending, else 0.",
    "strangler_connections": "Connections of clients that are open.",
    "strangler_requests_in_flight": "Requests that have not been answered to the end.",
    "strangler_tunnels": "Upgraded connections, WebSockets mostly, that are open.",
    "strangler_upstream_connections": "Connections to upstreams that are open.",
    "strangler_upstream_connections_idle": "Connections to upstreams that wait for a request.",
    "strangler_paths_remembered": "Paths whose routes are known without a search; bounded, then begun anew.",
    "strangler_upstream_connects_total": "Connections made to upstreams.",
    "strangler_upstream_failures_total": "Attempts that failed, by upstream and outcome.",
    "strangler_upstream_held_off_total": "Requests for which an upstream was not asked, by what kept them from it.",
    "strangler_ejections_total": "Times an endpoint was left out after failures in a row.",
    "strangler_endpoints": "Endpoints of upstreams that are discovered or probed.",
    "strangler_endpoints_unhealthy": "Endpoints that probes find unwell.",
    "strangler_endpoints_ejected": "Endpoints that are left out after failures in a row; each worker has its own.",
    "strangler_discovery_successful": "1 if the last look-up of an upstream's endpoints gave an answer, else 0.",
    "strangler_discovery_lookups_total": "Look-ups of an upstream's endpoints, by outcome.",
    "strangler_health_probes_total": "Probes of endpoints, by outcome.",
    "strangler_health_changes_total": "Verdicts of probes that turned, by what they turned to.",
    "strangler_breakers": "Workers whose breaker of an upstream is in that state.",
    "strangler_bulkhead_in_flight": "Requests that have a place at an upstream.",
    "strangler_bulkhead_waiting": "Requests that wait for a place at an upstream.",
    "strangler_refusals_total": "Requests refused before an upstream was chosen, by outcome.",
    "strangler_stale_retries_total": "Requests sent again because a kept connection had been closed.",
    "strangler_retries_total": "Requests sent again after a try had failed.",
    "strangler_fallback_total": "Requests that the monolith answered for a service, by what the service came to.",
    "strangler_shadow_total": "Requests that could be copied to the other side, by what became of the copy.",
    "strangler_comparisons_total": "Pairs of answers that were to be compared, by what became of them.",
    "strangler_comparisons_waiting": "Pairs that wait to be compared.",
    "strangler_comparisons_waiting_bytes": "What the pairs that wait to be compared take in memory, about.",
    "strangler_comparison_seconds_total": "Seconds spent on comparing.",
    "strangler_verdict": "Always 1; the label says how a shadowed route stands, by the last day's comparisons.",
    "strangler_rollout_weight": "Share of its users, 0 to 1, that the service of a route at canary answers.",
    "strangler_rollout_leads": "1 if this server moves routes by itself, 0 if it watches while another one does.",
    "strangler_rollout_state_failing": "1 while what rollouts have come to cannot be written, else 0.",
    "strangler_gate": "Always 1; the labels say how a gate of a route at canary stood at the last look.",
    "strangler_gate_value": "What a gate measured: a count, a share, seconds, or the number of its query.",
    "strangler_state_failing": "1 while what comparisons come to cannot be written, else 0.",
    "strangler_state_dropped_total": "Pairs whose counts, or examples, had to be given up.",
    "strangler_aggregate_parts_total": "Parts of composed answers that were asked for, by what came of them.",
    "strangler_on_left_side": "Requests under way on a side that their route has left.",
    "strangler_held": "Writes that wait while their writing moves to the other side.",
    "strangler_held_total": "Writes that waited while their writing moved, or could not, by what became of them.",
    "strangler_held_seconds_total": "Seconds that such writes have waited, all together.",
    "strangler_writes_total": "Writes that were accepted (answered below 400), by entity and by who answered.",
    "strangler_handovers_total": "Handovers that have ended, by the side that was to write, and by how.",
    "strangler_handovers_running": "Handovers that are under way.",
    "strangler_connections_refused_total": "Connections refused because of listen.limits.connections.",
    "strangler_traffic_other_total": "Requests that the inventory counts without their path: its table was full.",
    "strangler_traffic_unkept": "1 while what was asked for cannot be written, else 0.",
    "strangler_last_legacy_request_timestamp_seconds": "When the monolith last answered for a route, to the minute.",
    "strangler_line_table_resets_total": "Times a table of header lines or shapes was full and begun anew.",
    "strangler_access_log_dropped_total": "Access-log lines dropped because the log was not read fast enough.",
}


@dataclass(slots=True)
class Histogram:
    """`counts[i]` answers took at most `bounds[i]` seconds and more than the bound before; `count` has all."""

    bounds: tuple[float, ...]
    counts: list[int]
    sum_seconds: float = 0.0
    count: int = 0


@dataclass(slots=True)
class Totals:
    """Sums over batches."""

    requests: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    durations: dict[tuple[str, str], Histogram] = field(default_factory=dict)
    counters: dict[tuple[str, Labels], float] = field(default_factory=dict)
    gauges: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def add(self, batch: Mapping[str, Any], *, gauges: bool = True) -> None:
        """Add a worker's batch. The gauges of a worker that has ended are no longer true: leave them out."""
        for route, side, reason, code_class, n in batch.get("requests", ()):
            key = (route, side, reason, code_class)
            self.requests[key] = self.requests.get(key, 0) + n
        bounds = tuple(batch.get("buckets", ()))
        for route, side, counts, sum_seconds, n in batch.get("durations", ()):
            self._add_durations((route, side), bounds, counts, sum_seconds, n)
        for name, labels, n in batch.get("counters", ()):
            _increase(self.counters, name, labels, n)
        if gauges:
            for name, labels, value in batch.get("gauges", ()):
                _increase(self.gauges, name, labels, value)

    def _add_durations(
        self, key: tuple[str, str], bounds: tuple[float, ...], counts: list[int], sum_seconds: float, n: int
    ) -> None:
        known = self.durations.get(key)
        if known is None:
            known = self.durations[key] = Histogram(bounds, [0] * len(bounds))
        if known.bounds != bounds:
            return  # of another version of the program, for as long as a rolling restart takes; cannot be added up
        for index, count in enumerate(counts[: len(bounds)]):
            known.counts[index] += count
        known.sum_seconds += sum_seconds
        known.count += n

    def as_batch(self) -> dict[str, Any]:
        """The sums in the form of one worker's batch, without gauges."""
        bounds = next((known.bounds for known in self.durations.values()), ())
        return {
            "buckets": list(bounds),
            "requests": [[*key, n] for key, n in self.requests.items()],
            "durations": [[*key, list(h.counts), h.sum_seconds, h.count] for key, h in self.durations.items()],
            "counters": [[name, dict(labels), n] for (name, labels), n in self.counters.items()],
            "gauges": [],
        }


def merge(batches: Iterable[Mapping[str, Any]]) -> Totals:
    """Add up batches of workers that live."""
    totals = Totals()
    for batch in batches:
        totals.add(batch)
    return totals


def _increase(table: dict[tuple[str, Labels], float], name: str, labels: Mapping[str, object], amount: float) -> None:
    key = (name, tuple(sorted((label, str(value)) for label, value in labels.items())))
    table[key] = table.get(key, 0) + amount


@dataclass(frozen=True, slots=True)
class Sample:
    """One value the control process knows itself. A name that ends in `_total` is a counter."""

    name: str
    value: float
    labels: Labels = ()


class _Exposition(Collector):
    def __init__(self, totals: Totals, samples: Iterable[Sample]) -> None:
        self._totals = totals
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        yield _requests(self._totals)
        yield _durations(self._totals)
        own = {(sample.name, sample.labels): sample.value for sample in self._samples}
        yield from _families({**self._totals.counters, **self._totals.gauges, **own})


def _requests(totals: Totals) -> Metric:
    family = CounterMetricFamily(REQUESTS, HELP[REQUESTS], labels=["route", "side", "reason", "code_class"])
    for key, n in sorted(totals.requests.items()):
        family.add_metric(key, n)
    return family


def _durations(totals: Totals) -> Metric:
    family = HistogramMetricFamily(DURATION, HELP[DURATION], labels=["route", "side"])
    for key, histogram in sorted(totals.durations.items()):
        buckets, total = [], 0
        for bound, count in zip(histogram.bounds, histogram.counts, strict=True):
            total += count
            buckets.append((_number(bound), total))
        family.add_metric(key, [*buckets, ("+Inf", histogram.count)], histogram.sum_seconds)
    return family


def _number(bound: float) -> str:
    return repr(float(bound))


def _families(values: Mapping[tuple[str, Labels], float]) -> Iterator[Metric]:
    """One family a name, as the format wants it: a sample that lacks a label of its family has it empty."""
    by_name: dict[str, list[tuple[Labels, float]]] = {}
    for (name, labels), value in sorted(values.items()):
        by_name.setdefault(name, []).append((labels, value))
    for name, samples in by_name.items():
        text = HELP.get(name, name.removeprefix("strangler_").replace("_", " ").capitalize() + ".")
        names = sorted({label for labels, _ in samples for label, _ in labels})
        kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
        family = kind(name, text, labels=names)
        for labels, value in samples:
            known = dict(labels)
            family.add_metric([known.get(label, "") for label in names], value)
        yield family


def expose(totals: Totals, samples: Iterable[Sample], accept: str = "") -> tuple[bytes, str]:
    """The text a scraper gets, and its media type: OpenMetrics when `accept` asks for it, else Prometheus text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Exposition(totals, samples))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type
