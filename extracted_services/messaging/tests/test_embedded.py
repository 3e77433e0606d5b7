"""The embedded log's functions on a real file: clocks are parameters, two connections play two processes."""

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracted_services.messaging.embedded import dead, groups, log
from extracted_services.messaging.embedded.bus import EmbeddedBus
from extracted_services.messaging.embedded.file import Lane, Watch, connect, writing
from extracted_services.messaging.embedded.groups import LEASE_SECONDS, Claim, Member
from extracted_services.messaging.embedded.log import Retention
from extracted_services.messaging.embedded.shares import share
from extracted_services.messaging.ports import PARTITIONS, BusUnavailable, Delivery, FromStart
from extracted_services.messaging.tests.recorder import Recorder, messages

ONE, TWO = Member("g", ("order",), "one"), Member("g", ("order",), "two")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "broker.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    opened = connect(path, "NORMAL")
    yield opened
    opened.close()


def places(claims: list[Claim]) -> set[int]:
    return {claim.place[1] for claim in claims}


@given(st.integers(1, 64), st.sets(st.text(min_size=1), min_size=1, max_size=12))
def test_shares_of_all_members_cover_every_partition_once(partitions: int, members: set[str]) -> None:
    shares = [share(partitions, members, me) for me in members]
    assert sorted(partition for own in shares for partition in own) == list(range(partitions))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_offsets_of_a_partition_have_no_gaps(connection: sqlite3.Connection) -> None:
    for _ in range(3):
        log.append(connection, messages("order", *"kkk"), 1.0)
    found = log.read(connection, ("order", log.partition_of("k")), 0, 100)
    assert [delivery.offset for delivery in found] == list(range(9))


def test_a_message_that_was_published_before_is_skipped(connection: sqlite3.Connection) -> None:
    first, second = messages("order", "k", "k")
    assert log.append(connection, [first], 1.0) == 1
    assert log.append(connection, [first, second, second], 2.0) == 1
    found = log.read(connection, ("order", log.partition_of("k")), 0, 100)
    assert [delivery.message for delivery in found] == [first, second]


def test_a_batch_is_stored_whole_or_not_at_all(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON log WHEN new.value = x'ff' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    with pytest.raises(sqlite3.IntegrityError):
        log.append(connection, [*messages("order", "k"), *messages("order", "k", value=b"\xff")], 1.0)
    assert log.read(connection, ("order", log.partition_of("k")), 0, 100) == []
    assert set(log.ends(connection).values()) <= {0}


def test_a_lone_member_claims_everything_and_a_second_one_gets_its_half(connection: sqlite3.Connection) -> None:
    alone = groups.beat(connection, ONE, {}, 100.0)
    assert places(alone.claimed) == set(range(PARTITIONS))
    assert groups.beat(connection, TWO, {}, 100.1).claimed == []
    held = {claim.place: claim.epoch for claim in alone.claimed}
    together = groups.beat(connection, ONE, held, 100.2)
    assert len(together.surplus) == PARTITIONS // 2
    for claim in alone.claimed:
        if claim.place in together.surplus:
            groups.release(connection, "g", claim)
    assert {("order", p) for p in places(groups.beat(connection, TWO, {}, 100.3).claimed)} == together.surplus


def test_claims_of_a_member_that_stopped_beating_run_out(connection: sqlite3.Connection) -> None:
    groups.beat(connection, ONE, {}, 100.0)
    assert groups.beat(connection, TWO, {}, 100.0 + LEASE_SECONDS - 0.01).claimed == []
    assert places(groups.beat(connection, TWO, {}, 100.0 + LEASE_SECONDS).claimed) == set(range(PARTITIONS))


def test_a_lease_from_before_the_machine_started_anew_is_void(connection: sqlite3.Connection) -> None:
    groups.beat(connection, ONE, {}, 1_000_000.0)
    assert places(groups.beat(connection, TWO, {}, 5.0).claimed) == set(range(PARTITIONS))


def test_what_an_old_claim_commits_is_refused(connection: sqlite3.Connection) -> None:
    old = groups.beat(connection, ONE, {}, 100.0).claimed[0]
    new = next(c for c in groups.beat(connection, TWO, {}, 200.0).claimed if c.place == old.place)
    assert not groups.commit(connection, "g", old, 5)
    assert groups.commit(connection, "g", new, 3)
    assert not groups.commit(connection, "g", old, 5)


def test_a_replay_ends_the_claims_of_consumers_at_work(connection: sqlite3.Connection) -> None:
    log.append(connection, messages("order", "k", "k"), 1.0)
    claims = {claim.place: claim for claim in groups.beat(connection, ONE, {}, 100.0).claimed}
    held = claims["order", log.partition_of("k")]
    assert groups.commit(connection, "g", held, 2)
    assert groups.replay(connection, "g", "order", FromStart()) == 2
    assert not groups.commit(connection, "g", held, 2)
    again = groups.beat(connection, ONE, {place: claim.epoch for place, claim in claims.items()}, 100.1)
    assert [(claim.place, claim.next) for claim in again.claimed] == [(held.place, 0)]


def test_a_member_that_leaves_gives_everything_back_at_once(connection: sqlite3.Connection) -> None:
    groups.beat(connection, ONE, {}, 100.0)
    groups.leave(connection, ONE)
    assert places(groups.beat(connection, TWO, {}, 100.0).claimed) == set(range(PARTITIONS))


def test_retention_lets_go_what_is_old_or_too_much_but_never_what_a_group_has_not_handled(
    connection: sqlite3.Connection,
) -> None:
    place = ("order", log.partition_of("k"))
    log.append(connection, messages("order", *"k" * 10), 1000.0)
    log.append(connection, messages("order", *"k" * 10), 2000.0)
    claim = next(c for c in groups.beat(connection, ONE, {}, 100.0).claimed if c.place == place)
    retention = Retention(age=timedelta(seconds=500), per_partition=5)
    assert log.trim(connection, retention, 2000.0) == 0
    groups.commit(connection, "g", claim, 4)
    assert log.trim(connection, retention, 2000.0) == 4
    groups.commit(connection, "g", claim, 20)
    assert log.trim(connection, Retention(age=timedelta(seconds=500)), 2000.0) == 6
    assert log.trim(connection, retention, 2000.0) == 5
    assert [d.offset for d in log.read(connection, place, 0, 100)] == list(range(15, 20))
    assert groups.lag(connection, "a new group", ["order"]) == 5


def test_dead_letters_are_bounded_per_group_and_topic(connection: sqlite3.Connection) -> None:
    for number, message in enumerate(messages("order", *"k" * 5)):
        dead.bury(connection, "g", Delivery(message, 0, number), "why", 100.0 + number)
    dead.bury(connection, "other", Delivery(messages("order", "k")[0], 0, 0), "why", 1.0)
    dead.trim_dead_letters(connection, kept=2)
    kept = [(letter.group, letter.delivery.offset) for letter in dead.newest(connection, ["order"], 10)]
    assert kept == [("g", 4), ("g", 3), ("other", 0)]
    assert dead.newest(connection, ["order"], 1)[0].at == datetime.fromtimestamp(104, UTC)


def test_a_watch_sees_what_others_write_and_nothing_else(path: Path, connection: sqlite3.Connection) -> None:
    watch = Watch(path)
    assert watch.changed()
    assert not watch.changed()
    log.append(connection, messages("order", "k"), 1.0)
    assert watch.changed()
    assert not watch.changed()
    watch.close()


@pytest.mark.anyio
async def test_a_full_disk_is_an_unavailable_bus_and_nothing_is_lost(path: Path) -> None:
    lane, kept = Lane(path, "FULL"), messages("order", "k")
    await lane.run(lambda c: log.append(c, kept, 1.0))
    pages = await lane.run(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await lane.run(lambda c: c.execute(f"PRAGMA max_page_count = {pages}"))
    large = messages("order", *"kkk", value=bytes(100_000))
    with pytest.raises(BusUnavailable, match="full"):
        await lane.run(lambda c: log.append(c, large, 2.0))
    place = ("order", log.partition_of("k"))
    assert [d.message for d in await lane.run(lambda c: log.read(c, place, 0, 10))] == kept
    assert await lane.run(lambda c: log.append(c, large, 2.0)) == 3  # there is room again
    await lane.close()


@pytest.fixture
def no_log(path: Path) -> Path:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    return path


@pytest.mark.anyio
async def test_a_file_that_is_no_log_is_an_unavailable_bus_until_it_is_gone(no_log: Path) -> None:
    bus = EmbeddedBus(no_log)
    with pytest.raises(BusUnavailable, match="not a database"):
        await bus.check()
    await asyncio.to_thread(no_log.unlink)
    await bus.check()
    await bus.close()


@pytest.mark.anyio
async def test_who_has_a_removed_file_open_is_told_and_then_meets_the_others_in_the_new_one(path: Path) -> None:
    bus, recorder = EmbeddedBus(path), Recorder()
    async with bus.subscribe(["order"], "g", recorder):
        await bus.publish(messages("order", "k"))
        await recorder.until_handled(1)
        for file in path.parent.iterdir():
            file.unlink()
        started_since = EmbeddedBus(path)
        await started_since.publish(of_others := messages("order", "k"))
        with pytest.raises(BusUnavailable, match="removed"):
            await bus.publish(own := messages("order", "k"))
        await bus.publish(own)
        await recorder.until_handled(3)
    assert recorder.ids()[1:] == [message.id for message in (*of_others, *own)]
    await started_since.close()
    await bus.close()


def test_a_log_of_a_later_version_is_not_touched(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA user_version = 99")
    with pytest.raises(sqlite3.DatabaseError, match="version 99"):
        connect(path, "NORMAL")


def test_a_transaction_that_fails_leaves_nothing(connection: sqlite3.Connection) -> None:
    with pytest.raises(ZeroDivisionError), writing(connection):
        log.topic_ends(connection, f"order{1 / len(log.topic_ends(connection, 'order')[:0])}")
    assert log.ends(connection) == {}
