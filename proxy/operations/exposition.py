"""The metrics a scraper gets: what workers counted, and what only the control process knows."""

import platform
from collections.abc import Iterator

from proxy import __version__
from proxy.control.plane import ControlPlane
from proxy.observability.metrics import Sample, expose
from proxy.operations import comparisons, handover, inventory, rollouts, upstreams


def metrics(plane: ControlPlane, accept: str) -> tuple[bytes, str]:
    """The text and its media type, as `accept` asks."""
    parts = (_samples, upstreams.samples, comparisons.samples, rollouts.samples, inventory.samples)
    known = [sample for part in parts for sample in part(plane)]
    return expose(plane.hub.totals(), [*known, *handover.samples(plane.handovers)], accept)


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
