from pathlib import Path

import pytest

from extracted_services.chassis.settings import SettingsError
from extracted_services.orders.adapters.durable import journal_url
from extracted_services.orders.settings import VARIABLES, read_settings


def test_every_variable_has_a_default() -> None:
    settings = read_settings({})

    assert (settings.port, settings.database.database, settings.order_wait) == (8101, "var/orders.db", 2.0)
    assert (settings.payments_url, settings.inventory_url) == ("http://127.0.0.1:8102", "http://127.0.0.1:8103")
    assert read_settings(dict.fromkeys(VARIABLES, "")) == settings


@pytest.mark.parametrize(
    ("name", "value"), [("ORDER_WAIT", "0"), ("PAYMENTS_URL", "payments"), ("INVENTORY_URL", "ftp://x")]
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({name: value})

    assert [problem.split(":")[0] for problem in refused.value.problems] == [name]


@pytest.mark.parametrize(
    ("database", "journal"),
    [
        ("sqlite:///var/orders.db", "sqlite:///var/orders.sagas.db"),
        ("sqlite:////srv/o", "sqlite:////srv/o.sagas"),
        ("postgres://u:secret@db:5433/orders", "postgresql://u:secret@db:5433/orders"),
    ],
)
def test_the_journal_of_the_sagas_lies_beside_the_database(database: str, journal: str) -> None:
    assert journal_url(read_settings({"DATABASE_URL": database}).database) == journal


def test_the_readme_lists_every_variable() -> None:
    readme = Path(__file__).parents[1] / "README.md"
    rows = [line for line in readme.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]

    for name, variable in VARIABLES.items():
        default = f"`{variable.default}`" if variable.default else ""
        assert f"| `{name}` | {default} | {variable.meaning} |" in rows
