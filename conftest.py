"""Fixtures that tests of every part use."""

pytest_plugins = ["tests.support.postgres"]
