"""Who handles which partition of a group, and how far it has come. Functions on a connection.

A consumer is a member for as long as it says so every moment (`beat`), and holds claims on its share of the partitions.
Both run out when it is killed. A claim has an epoch: what a consumer commits under a claim that has since moved on is
refused. Leases run on the clock that does not jump, which all processes of a machine share; it begins anew when the
machine does, so a lease that ends further ahead than any lease can is one from before, and void.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from extracted_services.messaging.embedded.file import writing
from extracted_services.messaging.embedded.log import Place, topic_ends
from extracted_services.messaging.embedded.shares import share
from extracted_services.messaging.ports import FromOffset, FromStart, FromTime, Position

LEASE_SECONDS = 1.6  # with a beat every 0.4 s, a killed consumer's partitions are handled again within two seconds


@dataclass(frozen=True, slots=True)
class Member:
    """One consumer: its group, its topics, and a name that nobody else has."""

    group: str
    topics: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Leave to handle a partition from offset `next` on."""

    place: Place
    epoch: int
    next: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What a beat found: claims just made, those that hold on, and of these another member's share."""

    claimed: list[Claim]
    held: set[Place]
    surplus: set[Place]


def beat(connection: sqlite3.Connection, member: Member, held: Mapping[Place, int], now: float) -> Standing:
    """Prolong membership and the claims `held` (place → epoch), and claim what of my share is free."""
    standing = Standing([], set(), set())
    with writing(connection):
        for topic in member.topics:
            partitions = len(topic_ends(connection, topic))
            mine = share(partitions, living(connection, member, topic, now), member.name)
            for partition, next_, holder, expires, epoch in readers(connection, member.group, topic):
                place = (topic, partition)
                if holder == member.name and held.get(place) == epoch:
                    prolong(connection, member, place, now)
                    standing.held.add(place)
                    if partition not in mine:
                        standing.surplus.add(place)
                elif partition in mine and (holder in (None, member.name) or not valid(expires, now)):
                    claim(connection, member, place, now)
                    standing.claimed.append(Claim(place, epoch + 1, next_))
    return standing


def valid(expires: float, now: float) -> bool:
    return now < expires <= now + LEASE_SECONDS


def living(connection: sqlite3.Connection, member: Member, topic: str, now: float) -> list[str]:
    """Names of the members that handle `topic`, this one among them; those that ran out are removed."""
    connection.execute(
        "INSERT INTO member (consumers, topic, member, expires) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET expires = excluded.expires",
        (member.group, topic, member.name, now + LEASE_SECONDS),
    )
    connection.execute(
        "DELETE FROM member WHERE consumers = ? AND topic = ? AND (expires <= ? OR expires > ?)",
        (member.group, topic, now, now + LEASE_SECONDS),
    )
    rows = connection.execute("SELECT member FROM member WHERE consumers = ? AND topic = ?", (member.group, topic))
    return [name for (name,) in rows]


def readers(connection: sqlite3.Connection, group: str, topic: str) -> list[tuple[int, int, str | None, float, int]]:
    """(partition, next, member, expires, epoch) of each partition; a new group begins at the oldest message."""
    connection.execute(
        "INSERT INTO reader (consumers, topic, partition, next)"
        " SELECT ?, topic, partition, start FROM partition WHERE topic = ? ON CONFLICT DO NOTHING",
        (group, topic),
    )
    return connection.execute(
        "SELECT partition, next, member, expires, epoch FROM reader WHERE consumers = ? AND topic = ?", (group, topic)
    ).fetchall()


def prolong(connection: sqlite3.Connection, member: Member, place: Place, now: float) -> None:
    connection.execute(
        "UPDATE reader SET expires = ? WHERE consumers = ? AND topic = ? AND partition = ?",
        (now + LEASE_SECONDS, member.group, *place),
    )


def claim(connection: sqlite3.Connection, member: Member, place: Place, now: float) -> None:
    connection.execute(
        "UPDATE reader SET member = ?, expires = ?, epoch = epoch + 1"
        " WHERE consumers = ? AND topic = ? AND partition = ?",
        (member.name, now + LEASE_SECONDS, member.group, *place),
    )


def commit(connection: sqlite3.Connection, group: str, held: Claim, next_: int) -> bool:
    """Everything before `next_` is handled; False when the claim has moved on, and nothing was written."""
    changed = connection.execute(
        "UPDATE reader SET next = ? WHERE consumers = ? AND topic = ? AND partition = ? AND epoch = ?",
        (next_, group, *held.place, held.epoch),
    ).rowcount
    return changed == 1


def release(connection: sqlite3.Connection, group: str, held: Claim) -> None:
    """Let another member claim the partition at once."""
    connection.execute(
        "UPDATE reader SET member = NULL, expires = 0"
        " WHERE consumers = ? AND topic = ? AND partition = ? AND epoch = ?",
        (group, *held.place, held.epoch),
    )


def keep(connection: sqlite3.Connection, member: Member, now: float) -> None:
    """Hold on to every claim, without looking for more: what a member does that is about to leave."""
    connection.execute(
        "UPDATE reader SET expires = ? WHERE consumers = ? AND member = ?",
        (now + LEASE_SECONDS, member.group, member.name),
    )


def leave(connection: sqlite3.Connection, member: Member) -> None:
    """No longer a member: the others share everything at their next beat."""
    with writing(connection):
        connection.execute("DELETE FROM member WHERE consumers = ? AND member = ?", (member.group, member.name))
        connection.execute(
            "UPDATE reader SET member = NULL, expires = 0 WHERE consumers = ? AND member = ?",
            (member.group, member.name),
        )


def lag(connection: sqlite3.Connection, group: str, topics: Sequence[str]) -> int:
    """Messages not handled by `group`; one that never read has everything before it."""
    total = 0
    for topic in topics:
        total += connection.execute(
            "SELECT coalesce(sum(p.next - coalesce(r.next, p.start)), 0) FROM partition p LEFT JOIN reader r"
            " ON r.topic = p.topic AND r.partition = p.partition AND r.consumers = ? WHERE p.topic = ?",
            (group, topic),
        ).fetchone()[0]
    return total


def replay(connection: sqlite3.Connection, group: str, topic: str, since: Position) -> int:
    """Set positions back, under the feet of consumers at work: their claims end. How many messages come again."""
    again = 0
    with writing(connection):
        rows = connection.execute(
            "SELECT partition, next FROM reader WHERE consumers = ? AND topic = ?", (group, topic)
        ).fetchall()
        if not rows:
            raise LookupError(f"group {group} reads no topic {topic}")
        if isinstance(since, FromOffset):
            rows = [row for row in rows if row[0] == since.partition]
            if not rows:
                raise LookupError(f"topic {topic} has no partition {since.partition}")
        for partition, next_ in rows:
            target = first_since(connection, (topic, partition), since)
            if target < next_:
                again += next_ - target
                connection.execute(
                    "UPDATE reader SET next = ?, member = NULL, expires = 0, epoch = epoch + 1"
                    " WHERE consumers = ? AND topic = ? AND partition = ?",
                    (target, group, topic, partition),
                )
    return again


def first_since(connection: sqlite3.Connection, place: Place, since: Position) -> int:
    """The oldest offset that is kept and not before `since`."""
    start, next_ = connection.execute(
        "SELECT start, next FROM partition WHERE topic = ? AND partition = ?", place
    ).fetchone()
    match since:
        case FromStart():
            found = start
        case FromOffset(offset=offset):
            found = max(start, offset)
        case FromTime(at=at):
            row = connection.execute(
                "SELECT min(offset) FROM log WHERE topic = ? AND partition = ? AND published_at >= ?",
                (*place, at.astimezone(UTC).timestamp()),
            ).fetchone()
            found = next_ if row[0] is None else row[0]
    return int(found)
