"""What the port promises, asked of a real bus. A subclass says where that is; each test has a topic of its own."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from extracted_services.messaging import worker
from extracted_services.messaging.open import open_bus
from extracted_services.messaging.ports import (
    PARTITIONS,
    Bus,
    Delivery,
    FromOffset,
    FromStart,
    FromTime,
    GroupActive,
    Message,
    NotNow,
    Poison,
    Retry,
)
from extracted_services.messaging.tests.recorder import Recorder, messages
from tests.support.processes import PATIENCE_S

QUICK = Retry(attempts=3, first=timedelta(milliseconds=5), most=timedelta(milliseconds=20))
ONE_PARTITION = "the same key"


@pytest.mark.anyio
class BusContract:
    within = PATIENCE_S
    """Seconds that a group may take to join and to share."""
    exact_lag = True
    """False where a broker tells an end of the log that is too low."""

    @pytest.fixture(autouse=True)
    def every_commit_arrives(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a consumer that leaves does not get committed in time comes again, as the port promises."""
        monkeypatch.setattr(worker, "LAST_COMMIT_SECONDS", self.within)

    @pytest.fixture
    async def bus(self, url: str, anyio_backend: str) -> AsyncIterator[Bus]:
        bus = open_bus(url, client="contract")
        yield bus
        await bus.close()

    @pytest.fixture
    def topic(self) -> str:
        return f"order-{uuid4().hex}"

    @pytest.fixture
    def recorder(self, anyio_backend: str) -> Recorder:
        return Recorder(within=self.within)

    async def test_a_message_arrives_as_it_was_published(self, bus: Bus, topic: str, recorder: Recorder) -> None:
        message = Message(topic, "ключ/ß", b"\x00\xff{}", "an id")
        await bus.publish([message])
        async with bus.subscribe([topic], "g", recorder):
            await recorder.until_handled(1)
        assert recorder.handled[0].message == message
        assert recorder.handled[0].attempt == 1

    async def test_messages_of_one_key_are_handled_in_the_order_in_which_they_were_published(
        self, bus: Bus, topic: str, recorder: Recorder
    ) -> None:
        published = messages(topic, *(f"k{n % 7}" for n in range(140)))
        async with bus.subscribe([topic], "g", recorder):
            for start in range(0, 140, 20):
                await bus.publish(published[start : start + 20])
            await recorder.until_handled(140)
        for key in {message.key for message in published}:
            assert recorder.ids_of(key) == [message.id for message in published if message.key == key]

    async def test_a_key_stays_on_its_partition(self, bus: Bus, topic: str, recorder: Recorder) -> None:
        await bus.publish(messages(topic, *("a", "b", "c") * 4))
        async with bus.subscribe([topic], "g", recorder):
            await recorder.until_handled(12)
        assert len({(d.message.key, d.partition) for d in recorder.handled}) == 3

    async def test_every_group_is_given_every_message(self, bus: Bus, topic: str, recorder: Recorder) -> None:
        other = Recorder(within=self.within)
        published = messages(topic, *"abcdef")
        async with bus.subscribe([topic], "one", recorder), bus.subscribe([topic], "two", other):
            await bus.publish(published)
            await recorder.until_handled(6)
            await other.until_handled(6)
        assert set(recorder.ids()) == set(other.ids()) == {message.id for message in published}

    async def test_a_group_goes_on_where_it_was_when_it_left(self, bus: Bus, topic: str, recorder: Recorder) -> None:
        before, after = messages(topic, *"abcdef"), messages(topic, *"abcdef")
        await bus.publish(before)
        async with bus.subscribe([topic], "g", recorder):
            await recorder.until_handled(6)
        await bus.publish(after)
        again = Recorder(within=self.within)
        async with bus.subscribe([topic], "g", again):
            await again.until_handled(6)
        assert set(again.ids()) == {message.id for message in after}

    async def test_lag_counts_what_a_group_has_not_handled(self, bus: Bus, topic: str, recorder: Recorder) -> None:
        await bus.publish(messages(topic, *"abcdef"))
        await self.expect_lag(bus, [topic], 6)
        async with bus.subscribe([topic], "g", recorder):
            await recorder.until_handled(6)
        await self.expect_lag(bus, [topic], 0)
        await bus.publish(messages(topic, *"ab"))
        await self.expect_lag(bus, [topic, f"no-{topic}"], 2)

    async def expect_lag(self, bus: Bus, topics: list[str], expected: int) -> None:
        lag = await bus.lag("g", topics)
        assert lag == expected if self.exact_lag else lag <= expected

    async def test_a_failing_handler_is_tried_again_and_nothing_overtakes(self, bus: Bus, topic: str) -> None:
        published = messages(topic, *[ONE_PARTITION] * 3)

        def fail_twice(delivery: Delivery) -> None:
            if delivery.message == published[1] and delivery.attempt < 3:
                raise RuntimeError("not yet")

        recorder = Recorder(fail_twice, within=self.within)
        await bus.publish(published)
        async with bus.subscribe([topic], "g", recorder, retry=QUICK):
            await recorder.until_handled(3)
        assert recorder.ids() == [message.id for message in published]
        assert [d.attempt for d in recorder.seen] == [1, 1, 2, 3, 1]
        assert await bus.dead_letters([topic], 10) == []

    async def test_attempts_are_bounded_and_the_partition_goes_on(self, bus: Bus, topic: str) -> None:
        published = messages(topic, *[ONE_PARTITION] * 3)

        def fail(delivery: Delivery) -> None:
            if delivery.message == published[1]:
                raise RuntimeError("the reason")

        recorder = Recorder(fail, within=self.within)
        await bus.publish(published)
        before = datetime.now(UTC)
        async with bus.subscribe([topic], "g", recorder, dead=recorder.bury, retry=QUICK):
            await recorder.until_handled(2)
        assert recorder.ids() == [published[0].id, published[2].id]
        (letter,) = await bus.dead_letters([topic], 10)
        assert letter.delivery.message == published[1]
        assert letter.delivery.attempt == 3
        assert letter.delivery.offset == recorder.handled[0].offset + 1
        assert letter.group == "g"
        assert "the reason" in letter.reason
        assert abs(letter.at - before) < timedelta(seconds=self.within)
        assert [(d.message, d.attempt, "the reason" in why) for d, why in recorder.dead] == [(published[1], 3, True)]
        await self.expect_lag(bus, [topic], 0)

    async def test_poison_is_a_dead_letter_at_once(self, bus: Bus, topic: str) -> None:
        def poison(delivery: Delivery) -> None:
            if delivery.message.key == "bad":
                raise Poison("schema version 9 is unknown")

        recorder = Recorder(poison, within=self.within)
        await bus.publish(messages(topic, "bad", "good"))
        async with bus.subscribe([topic], "g", recorder, dead=recorder.bury, retry=QUICK):
            await recorder.until(lambda: bool(recorder.handled and recorder.dead))
        (letter,) = await bus.dead_letters([topic], 10)
        assert (letter.reason, letter.delivery.attempt) == ("schema version 9 is unknown", 1)

    async def test_dead_letters_come_newest_first_and_no_more_than_asked_for(self, bus: Bus, topic: str) -> None:
        def poison(delivery: Delivery) -> None:
            raise Poison(delivery.message.id)

        recorder = Recorder(poison, within=self.within)
        published = messages(topic, *[ONE_PARTITION] * 5)
        await bus.publish(published)
        async with bus.subscribe([topic], "g", recorder, dead=recorder.bury):
            await recorder.until(lambda: len(recorder.dead) == 5)
        letters = await bus.dead_letters([topic], 3)
        assert len(letters) == 3
        assert {letter.reason for letter in letters} <= {message.id for message in published}
        assert [letter.at for letter in letters] == sorted((letter.at for letter in letters), reverse=True)
        assert await bus.dead_letters([f"no-{topic}"], 3) == []

    async def test_not_now_waits_for_more_than_all_attempts_and_buries_nothing(self, bus: Bus, topic: str) -> None:
        def away(delivery: Delivery) -> None:
            if len(recorder.seen) <= 8:
                raise NotNow("the database is away")

        recorder = Recorder(away, within=self.within)
        published = messages(topic, *[ONE_PARTITION] * 2)
        await bus.publish(published)
        async with bus.subscribe([topic], "g", recorder, dead=recorder.bury, retry=QUICK):
            await recorder.until_handled(2)
        assert recorder.ids() == [message.id for message in published]
        assert {d.attempt for d in recorder.seen} == {1}
        assert recorder.dead == []
        assert await bus.dead_letters([topic], 10) == []

    async def test_leaving_lets_the_handler_at_work_end_and_keeps_its_position(self, bus: Bus, topic: str) -> None:
        started, finish, handled = asyncio.Event(), asyncio.Event(), []

        async def slow(delivery: Delivery) -> None:
            started.set()
            await finish.wait()
            handled.append(delivery.message.id)

        published = messages(topic, *[ONE_PARTITION] * 2)
        await bus.publish(published)
        async with asyncio.timeout(self.within), bus.subscribe([topic], "g", slow):
            await started.wait()
            asyncio.get_running_loop().call_later(0.2, finish.set)
        assert handled == [published[0].id]
        await self.expect_lag(bus, [topic], 1)

    async def test_leaving_does_not_wait_for_what_waits(self, bus: Bus, topic: str) -> None:
        def away(delivery: Delivery) -> None:
            raise NotNow("the database is away")

        recorder = Recorder(away, within=self.within)
        await bus.publish(messages(topic, "a"))
        patient = Retry(first=timedelta(minutes=1), most=timedelta(minutes=1))
        async with bus.subscribe([topic], "g", recorder, retry=patient):
            await recorder.until(lambda: bool(recorder.seen))
            left = time.monotonic()
        assert time.monotonic() - left < 30
        await self.expect_lag(bus, [topic], 1)

    async def test_two_consumers_of_a_group_share_the_partitions(
        self, bus: Bus, url: str, topic: str, recorder: Recorder
    ) -> None:
        other_bus, other = open_bus(url, client="other"), Recorder(within=self.within)
        async with bus.subscribe([topic], "g", recorder), other_bus.subscribe([topic], "g", other):
            async with asyncio.timeout(3 * self.within):
                while True:  # until the group has settled
                    recorder.handled.clear()
                    other.handled.clear()
                    await bus.publish(messages(topic, *map(str, range(64))))
                    await self.until_lag_is_gone(bus, "g", topic)
                    mine, theirs = ({d.partition for d in one.handled} for one in (recorder, other))
                    if mine and theirs and not mine & theirs:
                        break
        await other_bus.close()
        assert len(mine) == len(theirs) == PARTITIONS / 2

    async def until_lag_is_gone(self, bus: Bus, group: str, topic: str) -> None:
        async with asyncio.timeout(self.within):
            while await bus.lag(group, [topic]):  # noqa: ASYNC110 - the lag is a broker's, and tells nobody
                await asyncio.sleep(0.05)

    async def test_a_group_replays_from_the_start(self, bus: Bus, topic: str, recorder: Recorder) -> None:
        published = messages(topic, *"abcdef")
        await bus.publish(published)
        async with bus.subscribe([topic], "g", recorder):
            await recorder.until_handled(6)
        assert await self.replay(bus, "g", topic, FromStart()) == 6
        again = Recorder(within=self.within)
        async with bus.subscribe([topic], "g", again):
            await again.until_handled(6)
        assert set(again.ids()) == {message.id for message in published}

    async def test_a_group_replays_from_a_time(self, bus: Bus, topic: str, recorder: Recorder) -> None:
        await bus.publish(messages(topic, *"abc"))
        await asyncio.sleep(0.02)  # a broker's clock counts milliseconds
        moment = datetime.now(UTC)
        await asyncio.sleep(0.02)
        later = messages(topic, *"abcd")
        await bus.publish(later)
        async with bus.subscribe([topic], "g", recorder):
            await recorder.until_handled(7)
        assert await self.replay(bus, "g", topic, FromTime(moment)) == 4
        again = Recorder(within=self.within)
        async with bus.subscribe([topic], "g", again):
            await again.until_handled(4)
        assert set(again.ids()) == {message.id for message in later}

    async def test_a_group_replays_one_partition_from_an_offset(self, bus: Bus, topic: str, recorder: Recorder) -> None:
        published = messages(topic, *[ONE_PARTITION] * 5)
        await bus.publish(published)
        async with bus.subscribe([topic], "g", recorder):
            await recorder.until_handled(5)
        place = recorder.handled[2]
        assert await self.replay(bus, "g", topic, FromOffset(place.partition, place.offset)) == 3
        again = Recorder(within=self.within)
        async with bus.subscribe([topic], "g", again):
            await again.until_handled(3)
        assert again.ids() == [message.id for message in published[2:]]

    async def test_a_replay_never_skips_what_was_not_handled(self, bus: Bus, topic: str, recorder: Recorder) -> None:
        await bus.publish(messages(topic, *[ONE_PARTITION] * 2))
        async with bus.subscribe([topic], "g", recorder):
            await recorder.until_handled(2)
        await bus.publish(messages(topic, *[ONE_PARTITION] * 3))
        assert await self.replay(bus, "g", topic, FromTime(datetime.now(UTC) + timedelta(hours=1))) == 0
        assert await self.replay(bus, "g", topic, FromOffset(recorder.handled[0].partition, 4)) == 0
        await self.expect_lag(bus, [topic], 3)

    async def replay(self, bus: Bus, group: str, topic: str, since: FromStart | FromTime | FromOffset) -> int:
        """Some brokers remember a consumer for seconds after it has left."""
        async with asyncio.timeout(self.within):
            while True:
                try:
                    return await bus.replay(group, topic, since=since)
                except GroupActive:
                    await asyncio.sleep(0.5)

    async def test_a_replay_of_what_is_unknown_says_so(self, bus: Bus, topic: str, recorder: Recorder) -> None:
        with pytest.raises(LookupError):
            await bus.replay("g", f"no-{topic}", since=FromStart())
        await bus.publish(messages(topic, "a"))
        with pytest.raises(LookupError):
            await bus.replay("no-group", topic, since=FromStart())
        async with bus.subscribe([topic], "g", recorder):
            await recorder.until_handled(1)
        with pytest.raises(LookupError):
            await bus.replay("g", topic, since=FromOffset(999, 0))

    async def test_a_message_without_an_id_is_refused(self, bus: Bus, topic: str) -> None:
        with pytest.raises(ValueError, match="id"):
            await bus.publish([Message(topic, "k", b"", "")])

    async def test_a_large_message_passes(self, bus: Bus, topic: str, recorder: Recorder) -> None:
        large = messages(topic, *[ONE_PARTITION] * 4, value=bytes(300 * 1024))
        async with bus.subscribe([topic], "g", recorder):
            await bus.publish(large)
            await recorder.until_handled(4)
        assert recorder.ids() == [message.id for message in large]

    async def test_a_bus_that_answers_is_ready(self, bus: Bus) -> None:
        await bus.check()
