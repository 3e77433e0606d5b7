"""Fixtures that tests of every part use, and the order of a run."""

import signal

import pytest

pytest_plugins = ["tests.support.postgres"]


def pytest_configure() -> None:
    """Processes that tests start are ended by SIGINT too, also where a shell runs all of this in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first: where several processes share a run, none is left alone with them at its end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
