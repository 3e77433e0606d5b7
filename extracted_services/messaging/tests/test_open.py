from pathlib import Path

import pytest

from extracted_services.messaging.embedded.bus import EmbeddedBus
from extracted_services.messaging.kafka.bus import KafkaBus
from extracted_services.messaging.open import bootstrap_servers, database_path, open_bus


def test_a_path_is_relative_after_three_slashes_and_absolute_after_four() -> None:
    assert database_path("", "/var/broker.db") == Path("var/broker.db")
    assert database_path("", "//var/broker%20one.db") == Path("/var/broker one.db")


def test_kafka_may_have_several_brokers() -> None:
    assert bootstrap_servers("one:9092,two:9093", "") == ["one:9092", "two:9093"]


@pytest.mark.anyio
async def test_the_scheme_chooses_the_bus(tmp_path: Path) -> None:
    embedded = open_bus(f"sqlite:///{tmp_path}/b.db", client="c")
    assert isinstance(embedded, EmbeddedBus)
    await embedded.close()
    kafka = open_bus("kafka://127.0.0.1:9092", client="c")
    assert isinstance(kafka, KafkaBus)
    await kafka.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "var/broker.db",
        "sqlite://",
        "sqlite:///",
        "sqlite://host/broker.db",
        "sqlite:///broker.db?mode=ro",
        "kafka://",
        "kafka://host",
        "kafka://host:0",
        "kafka://host:port",
        "kafka://user:secret@host:9092",
        "kafka://host:9092/topic",
        "amqp://host:5672",
    ],
)
def test_a_url_that_names_no_bus_is_refused_with_the_forms_that_do(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///path"):
        open_bus(url, client="c")
