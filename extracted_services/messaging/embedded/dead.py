"""Dead letters: kept beside the log with everything an operator needs to judge them. Functions on a connection."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

from extracted_services.messaging.ports import DeadLetter, Delivery, Message

KEPT = 10_000
"""Dead letters of one group and topic; beyond that the oldest go, so that a handler that fails always fills no disk."""


def bury(connection: sqlite3.Connection, group: str, delivery: Delivery, reason: str, now: float) -> None:
    """Keep it; the same message given up again (after a crash, a replay) replaces what was kept."""
    message = delivery.message
    connection.execute(
        "INSERT OR REPLACE INTO dead_letter (consumers, topic, partition, offset, id, key, value, attempts, reason, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(group, message.topic, delivery.partition, delivery.offset),
            *(message.id, message.key, message.value),
            *(delivery.attempt, reason, now),
        ),
    )


def trim_dead_letters(connection: sqlite3.Connection, kept: int = KEPT) -> None:
    """Only the newest `kept` of each group and topic stay."""
    for group, topic in connection.execute("SELECT DISTINCT consumers, topic FROM dead_letter").fetchall():
        connection.execute(
            "DELETE FROM dead_letter WHERE rowid IN (SELECT rowid FROM dead_letter WHERE consumers = ? AND topic = ?"
            " ORDER BY at DESC, rowid DESC LIMIT -1 OFFSET ?)",
            (group, topic, kept),
        )


def newest(connection: sqlite3.Connection, topics: Sequence[str], limit: int) -> list[DeadLetter]:
    """Of all groups, newest first."""
    rows = connection.execute(
        "SELECT consumers, topic, partition, offset, id, key, value, attempts, reason, at FROM dead_letter"  # noqa: S608 - only marks are put in
        f" WHERE topic IN ({', '.join('?' * len(topics))}) ORDER BY at DESC, rowid DESC LIMIT ?",
        (*topics, limit),
    )
    return [
        DeadLetter(
            Delivery(Message(topic, key, value, id_), partition, offset, attempts),
            group,
            reason,
            datetime.fromtimestamp(at, UTC),
        )
        for group, topic, partition, offset, id_, key, value, attempts, reason, at in rows
    ]
