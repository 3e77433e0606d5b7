"""What the comparison of live traffic has come to, as metrics."""

from collections.abc import Iterator

from proxy.control.plane import ControlPlane
from proxy.observability.metrics import Sample


def samples(plane: ControlPlane) -> Iterator[Sample]:
    """Nothing while nothing is compared."""
    comparing = plane.comparing
    if (runner := comparing.runner) is not None:
        for (route, came), count in runner.count().items():
            yield Sample("strangler_comparisons_total", count, (("outcome", came.value), ("route", route)))
        yield Sample("strangler_comparisons_waiting", runner.waiting)
        yield Sample("strangler_comparisons_waiting_bytes", runner.waiting_bytes)
        yield Sample("strangler_comparison_seconds_total", runner.seconds)
    if (store := comparing.store) is not None:
        yield Sample("strangler_state_failing", float(store.failing is not None))
        yield Sample("strangler_state_dropped_total", store.dropped, (("what", "counts"),))
        yield Sample("strangler_state_dropped_total", store.examples_dropped, (("what", "examples"),))
    for route, standing in comparing.standings.items():
        if standing.verdict is not None:
            yield Sample("strangler_verdict", 1, (("route", route), ("verdict", standing.verdict.value)))
