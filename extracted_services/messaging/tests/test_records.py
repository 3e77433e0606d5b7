"""Messages and dead letters as Kafka records."""

from datetime import UTC, datetime

from aiokafka.structs import ConsumerRecord

from extracted_services.messaging.delivery import GivenUp
from extracted_services.messaging.kafka.records import (
    Headers,
    dead_headers,
    dead_letter_of,
    delivery_of,
    message_headers,
)
from extracted_services.messaging.kafka.topics import dead_topic
from extracted_services.messaging.ports import DeadLetter, Delivery, Message

MESSAGE = Message("order", "ключ", b"\x00\xff", "an id")


def record(topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(topic, 3, 14, 1_700_000_000_123, 0, key, value, None, 0, 0, headers)


def test_a_message_comes_back_as_it_went() -> None:
    read = delivery_of(record("order", MESSAGE.key.encode(), MESSAGE.value, message_headers(MESSAGE)))
    assert read == Delivery(MESSAGE, 3, 14)


def test_a_record_that_others_wrote_is_read_for_what_it_holds() -> None:
    read = delivery_of(record("order", None, None, []))
    assert read == Delivery(Message("order", "", b"", "order/3@14"), 3, 14)


def test_a_dead_letter_comes_back_with_its_circumstances() -> None:
    letter = GivenUp(Delivery(MESSAGE, 5, 77, 4), "ValueError: größer")
    read = dead_letter_of(
        record(dead_topic("order", "g"), MESSAGE.key.encode(), MESSAGE.value, dead_headers(letter, "g"))
    )
    at = datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC)
    assert read == DeadLetter(letter.delivery, "g", letter.reason, at)


def test_what_is_no_dead_letter_is_passed_over() -> None:
    assert dead_letter_of(record("order.dead.g", b"k", b"", message_headers(MESSAGE))) is None
