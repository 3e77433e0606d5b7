from datetime import timedelta
from pathlib import Path

import pytest

from extracted_services.chassis.settings import SettingsError
from extracted_services.payments.adapters.processor.faults import Faults
from extracted_services.payments.settings import VARIABLES, read_settings


def test_every_variable_has_a_default() -> None:
    settings = read_settings({})

    assert (settings.port, settings.database.database) == (8102, "var/payments.db")
    assert (settings.processor_ledger, settings.processor_faults) == (Path("var/card-processor.db"), Faults())
    assert settings.settle_after == timedelta(seconds=20)
    assert read_settings(dict.fromkeys(VARIABLES, "")) == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [("PROCESSOR_FAULTS", "explode=1"), ("PROCESSOR_FAULTS", "decline=2"), ("SETTLE_AFTER", "0")],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({name: value})

    assert [problem.split(":")[0] for problem in refused.value.problems] == [name]


def test_the_readme_lists_every_variable() -> None:
    readme = Path(__file__).parents[1] / "README.md"
    rows = [line for line in readme.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]

    for name, variable in VARIABLES.items():
        default = f"`{variable.default}`" if variable.default else ""
        assert f"| `{name}` | {default} | {variable.meaning} |" in rows
