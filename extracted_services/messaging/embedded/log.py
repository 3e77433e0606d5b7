"""The log itself: messages appended to partitions, read in order, trimmed from the old end. Functions on a connection.

An offset is given once and never again; a message id is stored once per topic for as long as the log holds it.
"""

import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from extracted_services.messaging.embedded.file import writing
from extracted_services.messaging.ports import PARTITIONS, Delivery, Message

Place = tuple[str, int]
"""Topic and partition."""

TRIM_AT_ONCE = 1000  # rows: some milliseconds for which publishers wait


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept of messages that every group has handled; what a group has not handled stays whatever its age."""

    age: timedelta = timedelta(days=7)
    per_partition: int = 100_000


def append(connection: sqlite3.Connection, messages: Sequence[Message], now: float) -> int:
    """Store them all or none, in order; how many were new. A message whose id is known is skipped."""
    added = 0
    with writing(connection):
        ends = {place: next_ for topic in {m.topic for m in messages} for place, next_ in topic_ends(connection, topic)}
        for message in messages:
            place = (message.topic, partition_of(message.key))
            stored = connection.execute(
                "INSERT INTO log (topic, partition, offset, id, key, value, published_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (topic, id) DO NOTHING",
                (*place, ends[place], message.id, message.key, message.value, now),
            ).rowcount
            ends[place] += stored
            added += stored
        connection.executemany(
            "UPDATE partition SET next = ? WHERE topic = ? AND partition = ? AND next <> ?",
            [(next_, topic, partition, next_) for (topic, partition), next_ in ends.items()],
        )
    return added


def partition_of(key: str) -> int:
    """The same on every machine and in every process, unlike hash()."""
    return zlib.crc32(key.encode()) % PARTITIONS


def topic_ends(connection: sqlite3.Connection, topic: str) -> list[tuple[Place, int]]:
    """The offset to come of each partition; the topic is made when it is new. Inside a transaction."""
    connection.executemany(
        "INSERT INTO partition (topic, partition) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(topic, partition) for partition in range(PARTITIONS)],
    )
    rows = connection.execute("SELECT partition, next FROM partition WHERE topic = ?", (topic,))
    return [((topic, partition), next_) for partition, next_ in rows]


def ends(connection: sqlite3.Connection) -> dict[Place, int]:
    """The offset to come of every partition of every topic."""
    return {
        (topic, partition): n
        for topic, partition, n in connection.execute("SELECT topic, partition, next FROM partition")
    }


def read(connection: sqlite3.Connection, place: Place, first: int, limit: int) -> list[Delivery]:
    """The oldest messages of a partition from offset `first` on."""
    rows = connection.execute(
        "SELECT offset, key, value, id FROM log WHERE topic = ? AND partition = ? AND offset >= ?"
        " ORDER BY offset LIMIT ?",
        (*place, first, limit),
    )
    topic, partition = place
    return [Delivery(Message(topic, key, value, id_), partition, offset) for offset, key, value, id_ in rows]


def trim(connection: sqlite3.Connection, retention: Retention, now: float) -> int:
    """Delete what every group has handled and retention lets go, a little at a time; how many messages."""
    deleted = 0
    for place in ends(connection):
        while count := trim_some(connection, place, retention, now):
            deleted += count
    return deleted


def trim_some(connection: sqlite3.Connection, place: Place, retention: Retention, now: float) -> int:
    """One short transaction of `trim`; 0 when nothing was left to do."""
    with writing(connection):
        start, next_ = connection.execute(
            "SELECT start, next FROM partition WHERE topic = ? AND partition = ?", place
        ).fetchone()
        handled = connection.execute(
            "SELECT coalesce(min(next), ?) FROM reader WHERE topic = ? AND partition = ?", (next_, *place)
        ).fetchone()[0]
        too_many = next_ - retention.per_partition
        kept = connection.execute(  # offsets and times grow together: the first young one ends the search
            "SELECT min(offset) FROM (SELECT offset FROM log WHERE topic = ? AND partition = ? AND offset >= ?"
            " AND published_at >= ? ORDER BY offset LIMIT 1)",
            (*place, start, now - retention.age.total_seconds()),
        ).fetchone()[0]
        too_old = next_ if kept is None else kept
        until = min(handled, max(too_many, too_old), start + TRIM_AT_ONCE)
        if until <= start:
            return 0
        connection.execute("DELETE FROM log WHERE topic = ? AND partition = ? AND offset < ?", (*place, until))
        connection.execute("UPDATE partition SET start = ? WHERE topic = ? AND partition = ?", (until, *place))
        return int(until - start)
