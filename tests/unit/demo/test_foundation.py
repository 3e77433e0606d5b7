"""What the shop of a demo stands on, and what its services have told."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from proxy.demo.errors import CannotStart
from proxy.demo.foundation import MEMBERS, Choice, Foundation, lay, read_choice
from proxy.demo.parts import Parts
from proxy.demo.place import Place, Ports


@pytest.mark.parametrize(
    ("environ", "choice"),
    [
        ({}, Choice()),
        ({"DEMO_BROKER": "sqlite", "DEMO_DB": ""}, Choice()),
        ({"DEMO_BROKER": "kafka"}, Choice(kafka=True)),
        ({"DEMO_BROKER": "kafka", "DEMO_DB": "postgres"}, Choice(kafka=True, postgres=True)),
    ],
)
def test_files_are_used_unless_servers_are_asked_for(environ: dict[str, str], choice: Choice) -> None:
    assert read_choice(environ) == choice


def test_what_it_cannot_stand_on_is_named() -> None:
    with pytest.raises(CannotStart, match="DEMO_DB is sqlite or postgres, not 'oracle'"):
        read_choice({"DEMO_DB": "oracle"})


def test_on_files_every_member_has_its_own_database_and_all_have_one_broker(tmp_path: Path) -> None:
    foundation = lay(Parts(), Place(tmp_path, Ports()), Choice(), None, {})
    assert set(foundation.databases) == set(MEMBERS)
    assert len({*foundation.databases.values(), foundation.broker}) == 5


def test_events_are_read_from_a_services_outbox_in_order(tmp_path: Path) -> None:
    file = tmp_path / "orders.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE outbox (id INTEGER PRIMARY KEY, value BLOB)")
        connection.executemany("INSERT INTO outbox VALUES (?, ?)", [(2, b'{"type":"b"}'), (1, b'{"type":"a"}')])
    foundation = Foundation({"orders": f"sqlite:///{file}"}, "")
    assert [event["type"] for event in foundation.events_of("orders")] == ["a", "b"]
