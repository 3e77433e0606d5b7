"""Transactions on SQLite take turns within a process."""

import sqlite3
import threading

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction

from legacy_monolith.config.sqlite.base import Turns
from legacy_monolith.conftest import default_database

WAIT_S = 60


def waiting(turns: Turns, count: int) -> None:
    """Until so many wait, which is seen by nobody but the turns themselves."""
    tick = threading.Event()
    for _ in range(12_000):
        if len(turns._waiting) == count:
            return
        tick.wait(0.005)
    raise AssertionError(f"{len(turns._waiting)} wait")


def test_who_comes_first_is_first():
    turns, order, threads = Turns(), [], []
    assert turns.take(0)

    def come(number: int) -> None:
        assert turns.take(WAIT_S)
        order.append(number)
        turns.give()

    for number in range(5):
        threads.append(threading.Thread(target=come, args=(number,)))
        threads[-1].start()
        waiting(turns, number + 1)
    turns.give()
    for thread in threads:
        thread.join(WAIT_S)
    assert order == [0, 1, 2, 3, 4]
    assert turns.take(0)


def test_who_waited_long_enough_goes_and_the_next_one_is_served():
    turns = Turns()
    assert turns.take(0)
    assert not turns.take(0.01)
    turns.give()
    assert turns.take(0)


@pytest.fixture
def file_database(tmp_path, django_environment):
    with default_database(f"sqlite:///{tmp_path / 'shop.db'}"):
        call_command("migrate", "sync", verbosity=0)
        connection.settings_dict["OPTIONS"]["timeout"] = 0.1
        yield


def begin_elsewhere() -> Exception | None:
    """A transaction in another thread; why it could not begin."""
    failures: list[Exception] = []

    def begin() -> None:
        try:
            with transaction.atomic():
                pass
        except OperationalError as error:
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join(WAIT_S)
    return failures[0] if failures else None


def test_a_transaction_gives_its_turn_back_however_it_ends(file_database):
    with transaction.atomic():
        assert "database is locked" in str(begin_elsewhere())
    assert begin_elsewhere() is None
    with pytest.raises(KeyError), transaction.atomic():
        raise KeyError
    assert begin_elsewhere() is None
    with transaction.atomic():
        connection.close()
    assert begin_elsewhere() is None


def test_a_transaction_that_cannot_begin_gives_its_turn_back(file_database):
    other = sqlite3.connect(connection.settings_dict["NAME"])
    other.execute("BEGIN IMMEDIATE")
    assert "database is locked" in str(begin_elsewhere())
    other.rollback()
    other.close()
    assert begin_elsewhere() is None
