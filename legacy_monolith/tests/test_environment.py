from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from legacy_monolith.config.environment import LOOPBACK_HOSTS, read_environment


def test_an_empty_environment_serves_loopback_from_a_file_in_var():
    environment = read_environment({})
    assert (environment.host, environment.port) == ("127.0.0.1", 8000)
    assert environment.allowed_hosts == LOOPBACK_HOSTS
    assert environment.database["NAME"].parts[-3:] == ("var", "legacy_monolith", "shop.sqlite3")
    assert not environment.trust_forwarded_proto


def test_sqlite_waits_for_other_writers_from_the_first_statement_on():
    options = read_environment({"DATABASE_URL": "sqlite:////tmp/a%20shop.db"}).database
    assert options["NAME"] == Path("/tmp/a shop.db")
    assert options["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert options["OPTIONS"]["timeout"] == 10


def test_every_wrong_value_is_named_at_once():
    wrong = {"PORT": "eighty", "DEBUG": "perhaps", "LOG_FORMAT": "xml", "CSRF_TRUSTED_ORIGINS": "shop.example"}
    with pytest.raises(ImproperlyConfigured) as refusal:
        read_environment(wrong)
    problems = str(refusal.value).splitlines()
    assert [problem.split()[0] for problem in problems] == ["PORT", "CSRF_TRUSTED_ORIGINS", "DEBUG", "LOG_FORMAT"]


def test_a_refused_database_url_does_not_show_its_password():
    with pytest.raises(ImproperlyConfigured) as refusal:
        read_environment({"DATABASE_URL": "mysql://shop:hunter2@db/shop"})
    assert "hunter2" not in str(refusal.value)


def test_hosts_and_origins_are_lists_with_commas():
    environment = read_environment(
        {"ALLOWED_HOSTS": "shop.example, .fig.example", "CSRF_TRUSTED_ORIGINS": "https://shop.example"}
    )
    assert environment.allowed_hosts == ("shop.example", ".fig.example")
    assert environment.csrf_trusted_origins == ("https://shop.example",)
