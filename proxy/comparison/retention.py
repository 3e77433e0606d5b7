"""[IO] What the state store forgets, and when: by age, by number, by size. Called by the thread that writes it."""

import sqlite3
from typing import Final

from proxy.comparison.tally import BUCKET_SECONDS

MAX_AGE_SECONDS: Final = 7 * 86400.0  # a week shows a weekly job
MAX_ROWS: Final = 200_000  # counts; some 20 MiB
MAX_EXAMPLES: Final = 3  # of one field path and kind: the newest
MAX_EXCHANGE_BYTES: Final = 64 * 1024 * 1024

_SURPLUS_EXAMPLES = """DELETE FROM examples WHERE rowid IN (SELECT rowid FROM (
    SELECT rowid, row_number() OVER (PARTITION BY route, rules, path, kind ORDER BY at DESC, rowid DESC) AS place
    FROM examples) WHERE place > ?)"""
_UNUSED_EXCHANGES = "DELETE FROM exchanges WHERE id NOT IN (SELECT exchange FROM examples WHERE exchange IS NOT NULL)"
_SURPLUS_EXCHANGES = """DELETE FROM exchanges WHERE id IN (SELECT id FROM (
    SELECT id, sum(bytes) OVER (ORDER BY id DESC) AS total FROM exchanges) WHERE total > ?)"""


def sweep(connection: sqlite3.Connection, now: float) -> None:
    """Removes what is too old or too much; `now` in seconds since 1970. Raises sqlite3.Error."""
    oldest = now - MAX_AGE_SECONDS
    connection.execute("BEGIN IMMEDIATE")
    try:
        _forget_counts(connection, int(oldest) // BUCKET_SECONDS)
        surplus = connection.execute("SELECT bucket FROM fields ORDER BY bucket DESC LIMIT 1 OFFSET ?", (MAX_ROWS,))
        if (last := surplus.fetchone()) is not None:
            _forget_counts(connection, last[0] + 1)
        connection.execute("DELETE FROM examples WHERE at < ?", (oldest,))
        connection.execute(_SURPLUS_EXAMPLES, (MAX_EXAMPLES,))
        connection.execute(_UNUSED_EXCHANGES)
        connection.execute(_SURPLUS_EXCHANGES, (MAX_EXCHANGE_BYTES,))
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("PRAGMA incremental_vacuum").fetchall()  # a page a row


def _forget_counts(connection: sqlite3.Connection, first_kept: int) -> None:
    connection.execute("DELETE FROM pairs WHERE bucket < ?", (first_kept,))
    connection.execute("DELETE FROM fields WHERE bucket < ?", (first_kept,))
