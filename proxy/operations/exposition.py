"""The metrics a scraper gets: what workers counted, and what only the control process knows."""

import platform
from collections.abc import Iterator
from itertools import chain

from proxy import __version__
from proxy.control.plane import ControlPlane
from proxy.observability.metrics import Sample, expose
from proxy.operations import comparisons, handover, upstreams


def metrics(plane: ControlPlane, accept: str) -> tuple[bytes, str]:
    """The text and its media type, as `accept` asks."""
    of_parts = (upstreams.samples(plane), comparisons.samples(plane), handover.samples(plane.handovers))
    return expose(plane.hub.totals(), [*_samples(plane), *chain.from_iterable(of_parts)], accept)


def _samples(plane: ControlPlane) -> Iterator[Sample]:
    yield Sample("strangler_config_last_reload_successful", float(not plane.problems))
    yield Sample("strangler_config_last_reload_success_timestamp_seconds", plane.active.since)
    yield Sample("strangler_config_info", 1, (("revision", plane.active.snapshot.revision),))
    yield Sample("strangler_build_info", 1, (("python", platform.python_version()), ("version", __version__)))
    yield Sample("strangler_workers", plane.launch.workers)
    yield Sample("strangler_workers_connected", len(plane.hub.peers()))
    yield Sample("strangler_control_restarts_total", plane.family.control_restarts)
    yield Sample("strangler_draining", float(plane.family.draining))
    for number, restarts in enumerate(plane.family.worker_restarts):
        yield Sample("strangler_worker_restarts_total", restarts, (("worker", str(number)),))
