"""Fixtures that tests of every part use, and the order of a run."""

import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Properties are judged by what they find, not by how busy the machine is while they look.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

pytest_plugins = ["tests.support.postgres"]

TOGETHER = frozenset({"tests/contract", "tests/system", "tests/side_by_side"})
"""Folders whose files share something dear, a filled shop: one process runs them all."""


def pytest_configure() -> None:
    """Processes that tests start are ended by SIGINT too, also where a shell runs all of this in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where several processes share a run, a file goes to one of them, and so does a folder of `TOGETHER`."""
    from xdist.scheduler import LoadFileScheduling

    class ByPlace(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            folder = file.rpartition("/")[0]
            return folder if folder in TOGETHER else file

    return ByPlace(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first: where several processes share a run, none is left alone with them at its end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
