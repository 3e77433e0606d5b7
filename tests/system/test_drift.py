"""A database that somebody changed by hand is not served: the process says what is wrong with it, and ends."""

import sqlite3
import subprocess
import sys

import pytest

from tests.support.grounds import Ground
from tests.support.processes import ROOT
from tests.support.system import System

pytestmark = pytest.mark.slow
CANNOT_USE = 3


@pytest.mark.parametrize(
    ("service", "table", "column"),
    [("orders", "orders", "reason"), ("payments", "payments", "card_last4"), ("inventory", "products", "description")],
)
def test_a_database_of_another_shape_is_told_at_the_start(
    embedded: Ground, service: str, table: str, column: str
) -> None:
    system = System(embedded)
    with sqlite3.connect(embedded.databases[service].removeprefix("sqlite:///")) as database:
        database.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    database.close()

    done = subprocess.run(
        [sys.executable, "-m", f"extracted_services.{service}"],
        cwd=ROOT,
        env={**system.members[service].environment, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == CANNOT_USE, done.stderr
    assert f"the column {table}.{column} is missing" in done.stderr
