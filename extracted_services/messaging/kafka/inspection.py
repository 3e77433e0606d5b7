"""What an operator asks a broker: how far a group has come, what it gave up, and to begin again further back."""

from collections.abc import Sequence
from datetime import UTC

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError

from extracted_services.messaging.kafka.connection import Address, administering, inspecting
from extracted_services.messaging.kafka.records import dead_letter_of
from extracted_services.messaging.kafka.topics import DEAD, partitions
from extracted_services.messaging.ports import DeadLetter, FromOffset, FromStart, FromTime, GroupActive, Position

READ_MILLISECONDS = 1_000


async def lag(address: Address, group: str, topics: Sequence[str]) -> int:
    """See `Bus.lag`."""
    async with administering(address) as admin:
        places = await partitions(admin, topics)
    if not places:
        return 0
    async with inspecting(address, group=group) as consumer:
        ends = await consumer.end_offsets(places)
        starts = await consumer.beginning_offsets(places)
        positions = {place: await position(consumer, place, starts[place]) for place in places}
        return sum(max(0, ends[place] - positions[place]) for place in places)


async def position(consumer: AIOKafkaConsumer, place: TopicPartition, start: int) -> int:
    """The first offset that the consumer's group has not handled."""
    committed = await consumer.committed(place)
    return start if committed is None else max(start, int(committed))


async def dead_letters(address: Address, topics: Sequence[str], limit: int) -> list[DeadLetter]:
    """See `Bus.dead_letters`. One that was buried twice (a crash in between) is told once."""
    async with administering(address) as admin:
        prefixes = tuple(topic + DEAD for topic in topics)
        places = await partitions(admin, [name for name in await admin.list_topics() if name.startswith(prefixes)])
    if not places:
        return []
    async with inspecting(address, places) as consumer:
        letters = [letter for place in places for letter in await last(consumer, place, limit)]
    newest = sorted(letters, key=lambda letter: letter.at, reverse=True)
    unique = {
        (one.group, one.delivery.message.topic, one.delivery.partition, one.delivery.offset): one
        for one in newest[::-1]
    }
    return sorted(unique.values(), key=lambda letter: letter.at, reverse=True)[:limit]


async def last(consumer: AIOKafkaConsumer, place: TopicPartition, limit: int) -> list[DeadLetter]:
    """The last `limit` dead letters of one partition of a dead topic."""
    end = (await consumer.end_offsets([place]))[place]
    first = max((await consumer.beginning_offsets([place]))[place], end - limit)
    consumer.seek(place, first)
    consumer.resume(place)
    found: list[DeadLetter] = []
    while first < end:
        records = (await consumer.getmany(place, timeout_ms=READ_MILLISECONDS)).get(place, [])
        if not records:
            break
        found += filter(None, map(dead_letter_of, records))
        first = records[-1].offset + 1
    consumer.pause(place)
    return found


async def replay(address: Address, group: str, topic: str, since: Position) -> int:
    """See `Bus.replay`."""
    async with administering(address) as admin:
        places = await partitions(admin, [topic])
    if not places:
        raise LookupError(f"there is no topic {topic}")
    if isinstance(since, FromOffset):
        places = [place for place in places if place.partition == since.partition]
        if not places:
            raise LookupError(f"topic {topic} has no partition {since.partition}")
    async with inspecting(address, places, group=group) as consumer:
        committed = {place: await consumer.committed(place) for place in places}
        reached = {place: offset for place, offset in committed.items() if offset is not None}
        if not reached:
            raise LookupError(f"group {group} has handled nothing of topic {topic}")
        targets = await offsets_since(consumer, list(reached), since)
        back = {place: target for place, target in targets.items() if target < reached[place]}
        if not back:
            return 0
        try:
            await consumer.commit(back)
        except CommitFailedError as error:
            raise GroupActive(f"group {group} has consumers at work: stop them, then replay") from error
    return sum(reached[place] - target for place, target in back.items())


async def offsets_since(
    consumer: AIOKafkaConsumer, places: Sequence[TopicPartition], since: Position
) -> dict[TopicPartition, int]:
    """The oldest offset of each partition that is kept and not before `since`."""
    starts: dict[TopicPartition, int] = await consumer.beginning_offsets(places)
    match since:
        case FromStart():
            return starts
        case FromOffset(offset=offset):
            return {place: max(start, offset) for place, start in starts.items()}
        case FromTime(at=at):
            moment = int(at.astimezone(UTC).timestamp() * 1000)
            ends = await consumer.end_offsets(places)
            found = await consumer.offsets_for_times(dict.fromkeys(places, moment))
            return {  # nothing so late is None, and from some brokers a timestamp of -1
                place: hit.offset if (hit := found.get(place)) and hit.timestamp >= 0 else ends[place]
                for place in places
            }
