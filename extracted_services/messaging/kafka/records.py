"""Messages and dead letters as Kafka records, and back. Pure.

The value is the message's, byte for byte; its id and a dead letter's circumstances are headers. Records that others
wrote (no id, no key, a tombstone's missing value) are read for what they hold.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from aiokafka.structs import ConsumerRecord

from extracted_services.messaging.delivery import GivenUp
from extracted_services.messaging.ports import DeadLetter, Delivery, Message

Headers = list[tuple[str, bytes]]


def message_headers(message: Message) -> Headers:
    return [("id", message.id.encode())]


def delivery_of(record: ConsumerRecord) -> Delivery:
    """A record as it goes to a handler."""
    headers = read(record.headers)
    identity = headers.get("id") or f"{record.topic}/{record.partition}@{record.offset}"
    message = Message(record.topic, text(record.key), record.value or b"", identity)
    return Delivery(message, record.partition, record.offset)


def dead_headers(letter: GivenUp, group: str) -> Headers:
    """What an operator wants to know, and where the message stands in its own topic."""
    delivery = letter.delivery
    facts = {
        "group": group,
        "reason": letter.reason,
        "attempts": str(delivery.attempt),
        "topic": delivery.message.topic,
        "partition": str(delivery.partition),
        "offset": str(delivery.offset),
    }
    return [*message_headers(delivery.message), *((name, value.encode()) for name, value in facts.items())]


def dead_letter_of(record: ConsumerRecord) -> DeadLetter | None:
    """None for a record in a dead topic that is no dead letter of ours."""
    headers = read(record.headers)
    try:
        message = Message(headers["topic"], text(record.key), record.value or b"", headers["id"])
        place = Delivery(message, int(headers["partition"]), int(headers["offset"]), int(headers["attempts"]))
        at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        return DeadLetter(place, headers["group"], headers["reason"], at)
    except (KeyError, ValueError):
        return None


def read(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    return {name: text(value) for name, value in headers}


def text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
