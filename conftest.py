"""Fixtures that tests of every part use, and the order of a run."""

import pytest

pytest_plugins = ["tests.support.postgres"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first: where several processes share a run, none is left alone with them at its end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
