"""What the state store forgets."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.comparison import retention
from proxy.comparison.state_file import open_state, state_path
from proxy.comparison.tally import BUCKET_SECONDS

NOW = 1_800_000_000.0
DAY = 86400.0


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_state(state_path(str(tmp_path)))) as found:
        yield found


def add_field(connection: sqlite3.Connection, at: float, path: str = "$.a") -> None:
    row = ("r", "v", int(at) // BUCKET_SECONDS, path, "value", 1, 0)
    connection.execute("INSERT INTO fields VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    connection.execute("INSERT OR IGNORE INTO pairs VALUES (?, ?, ?, 'compared', 1)", row[:3])


def add_example(connection: sqlite3.Connection, at: float, path: str = "$.a", size: int = 10) -> None:
    row = (at, "x" * size, size)
    exchange = connection.execute("INSERT INTO exchanges (at, line, bytes) VALUES (?, ?, ?)", row).lastrowid
    example = ("r", "v", path, "value", at, "GET /", "$.a", "1", "2", exchange)
    connection.execute("INSERT INTO examples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", example)


def column(connection: sqlite3.Connection, query: str) -> list[object]:
    return [row[0] for row in connection.execute(query)]


def test_what_is_too_old_goes(connection: sqlite3.Connection) -> None:
    for days in (0, 6, 8):
        add_field(connection, NOW - days * DAY)
        add_example(connection, NOW - days * DAY)
    retention.sweep(connection, NOW)
    for table in ("fields", "pairs", "examples", "exchanges"):
        assert column(connection, f"SELECT count(*) FROM {table}") == [2], table


def test_of_each_field_the_newest_examples_stay(connection: sqlite3.Connection) -> None:
    for path in ("$.a", "$.b"):
        for number in range(retention.MAX_EXAMPLES + 2):
            add_example(connection, NOW - number, path)
    retention.sweep(connection, NOW)
    newest = [NOW - number for number in range(retention.MAX_EXAMPLES)]
    assert column(connection, "SELECT at FROM examples WHERE path = '$.a' ORDER BY at DESC") == newest
    assert column(connection, "SELECT count(*) FROM exchanges") == [2 * retention.MAX_EXAMPLES]


def test_when_they_are_too_large_together_the_oldest_pairs_go_and_their_examples_stay(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MAX_EXCHANGE_BYTES", 250)
    for number in range(3):
        add_example(connection, NOW - 3 + number, f"$.k{number}", size=100)
    retention.sweep(connection, NOW)
    assert column(connection, "SELECT exchange IS NULL FROM examples ORDER BY at") == [1, 0, 0]
    assert column(connection, "SELECT sum(bytes) FROM exchanges") == [200]


def test_when_counts_are_too_many_the_oldest_go(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MAX_ROWS", 4)
    for step in range(3):
        for path in ("$.a", "$.b"):
            add_field(connection, NOW - step * BUCKET_SECONDS, path)
    retention.sweep(connection, NOW)
    kept = column(connection, "SELECT count(*) FROM fields")
    assert kept == [4]
    assert column(connection, "SELECT count(*) FROM pairs") == [2]


def test_what_was_freed_is_given_back_to_the_disk(connection: sqlite3.Connection) -> None:
    add_example(connection, NOW - 8 * DAY, size=2_000_000)
    (before,) = connection.execute("PRAGMA page_count").fetchone()
    retention.sweep(connection, NOW)
    (after,) = connection.execute("PRAGMA page_count").fetchone()
    assert after < before
