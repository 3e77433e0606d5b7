from pathlib import Path

import pytest

from extracted_services.chassis.settings import SettingsError
from extracted_services.inventory.settings import VARIABLES, read_settings


def test_every_variable_has_a_default() -> None:
    settings = read_settings({})

    assert (settings.host, settings.port, settings.legacy_url) == ("127.0.0.1", 8103, "http://127.0.0.1:8000")
    assert settings.database.database == "var/inventory.db"
    assert read_settings(dict.fromkeys(VARIABLES, "")) == settings


def test_a_plain_url_gets_a_driver_that_does_not_block() -> None:
    database = read_settings({"DATABASE_URL": "postgresql://user:p%40ss@db/inventory"}).database

    assert (database.drivername, database.password) == ("postgresql+psycopg", "p@ss")


def test_the_monoliths_url_loses_its_last_slash() -> None:
    assert read_settings({"LEGACY_URL": "http://[::1]:8000/"}).legacy_url == "http://[::1]:8000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOST", "a b"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "http"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "mysql://db/inventory"),
        ("DATABASE_URL", "inventory.db"),
        ("LEGACY_URL", "127.0.0.1:8000"),
        ("LEGACY_URL", "ftp://shop.test"),
        ("LEGACY_URL", "http://user:word@shop.test"),
        ("LEGACY_URL", "http://shop.test/?a=b"),
        ("LEGACY_URL", "http://shop.test:port"),
        ("LEGACY_TIMEOUT", "0"),
        ("LEGACY_TIMEOUT", "nan"),
        ("SHUTDOWN_TIMEOUT", "soon"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({name: value})

    assert [problem.split(":")[0] for problem in refused.value.problems] == [name]


def test_all_problems_are_told_at_once_and_no_password() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(
            {"PORT": "x", "DATABASE_URL": "mysql://u:hunter2@db/x", "LEGACY_URL": "http://u:hunter2@shop.test"}
        )

    assert len(refused.value.problems) == 3
    assert "hunter2" not in str(refused.value)


def test_the_readme_lists_every_variable() -> None:
    readme = Path(__file__).parents[1] / "README.md"
    rows = [line for line in readme.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]

    for name, variable in VARIABLES.items():
        default = f"`{variable.default}`" if variable.default else ""
        assert f"| `{name}` | {default} | {variable.meaning} |" in rows
