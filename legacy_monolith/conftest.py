"""The shop's tests: Django on SQLite in memory and on PostgreSQL, every test in a transaction that is undone.

Settings are made here without touching `os.environ`, so that nothing of this is seen by the other tests of a run.
"""

import atexit
import importlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import django
import pytest
from django.conf import settings

SCRATCH = tempfile.TemporaryDirectory(prefix="shop-tests-")
atexit.register(SCRATCH.cleanup)
ENVIRONMENT = {
    "DATA_DIR": SCRATCH.name,
    "DATABASE_URL": "sqlite:///:memory:",
    "SECRET_KEY": "for tests",
    "INTERNAL_TOKEN": "for-tests",
}


def _configure() -> None:
    with patch.dict(os.environ, ENVIRONMENT, clear=True):
        made = importlib.import_module("legacy_monolith.config.settings")
    values = {name: getattr(made, name) for name in dir(made) if name.isupper()}
    # Test logins need no strength; log lines would only hide the report.
    values |= {"PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"], "LOGGING_CONFIG": None}
    settings.configure(**values)
    django.setup()


_configure()

from django.core.management import call_command  # noqa: E402 - only possible with settings
from django.db import connections, transaction  # noqa: E402 - only possible with settings
from django.test import Client  # noqa: E402 - only possible with settings
from django.test.utils import (  # noqa: E402 - only possible with settings
    setup_databases,
    setup_test_environment,
    teardown_databases,
    teardown_test_environment,
)

from legacy_monolith.config.environment import read_environment  # noqa: E402 - only possible with settings
from legacy_monolith.tests import server  # noqa: E402 - only possible with settings
from legacy_monolith.tests.shop import Shop  # noqa: E402 - only possible with settings


@pytest.fixture(scope="session")
def django_environment():
    setup_test_environment()
    yield
    teardown_test_environment()


@pytest.fixture(scope="session")
def database(request, django_environment):
    """The database of the tests at hand: SQLite in memory, or what `tests.shop.ON_BOTH_DATABASES` asks for."""
    if getattr(request, "param", "sqlite") == "sqlite":
        made = setup_databases(verbosity=0, interactive=False)
        yield
        teardown_databases(made, verbosity=0)
        connections.close_all()
        return
    postgres = request.getfixturevalue("postgres")
    with default_database(postgres.url(postgres.create_database())):
        call_command("migrate", verbosity=0, interactive=False)
        yield


@contextmanager
def default_database(url: str):
    """Lets the shop use another database, in every thread that opens it from now on."""
    before, connected = connections.settings["default"], connections["default"]
    [made] = connections.configure_settings({"default": read_environment({"DATABASE_URL": url}).database}).values()
    connections.settings["default"] = made
    connections["default"] = connections.create_connection("default")
    try:
        yield
    finally:
        connections["default"].close()
        connections.settings["default"], connections["default"] = before, connected


@pytest.fixture
def shop(database):
    """A small shop to test in; whatever happens to it is undone."""
    with transaction.atomic():
        yield Shop.open()
        transaction.set_rollback(True)


@pytest.fixture
def client(shop) -> Client:
    return Client()


@pytest.fixture(scope="session")
def running_shop(tmp_path_factory):
    """The shop as a process of its own, on a database file with sample data."""
    with server.run(tmp_path_factory.mktemp("shop")) as running:
        yield running


@pytest.fixture
def scratch() -> Path:
    return Path(SCRATCH.name)
