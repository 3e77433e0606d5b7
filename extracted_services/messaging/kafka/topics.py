"""Names of topics, and topics made when they are missing: never by a broker's own default, which has one partition."""

import re
from collections.abc import Collection, Sequence

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from extracted_services.messaging.kafka.connection import Address, administering
from extracted_services.messaging.ports import PARTITIONS, BusUnavailable

EXISTS = 36  # TOPIC_ALREADY_EXISTS: https://kafka.apache.org/protocol#protocol_error_codes
BROKERS_DEFAULT = -1  # replicas: how many is the cluster's affair
LEGAL = re.compile(r"[A-Za-z0-9._-]{1,249}")
DEAD = ".dead."


def dead_topic(topic: str, group: str) -> str:
    """Where the dead letters of `topic` lie that `group` gave up."""
    return f"{topic}{DEAD}{group}"


def check_name(name: str) -> str:
    """ValueError for what no Kafka takes as the name of a topic."""
    if not LEGAL.fullmatch(name) or name in (".", ".."):
        raise ValueError(f"{name!r} is not a name for Kafka: 1 to 249 letters, digits, '.', '_' and '-'")
    return name


class Topics:
    """Remembers which topics are there, so that the common publish asks nobody."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._there: set[str] = set()

    async def ensure(self, names: Collection[str], partitions: int = PARTITIONS) -> None:
        """Make those that are missing. Raises BusUnavailable, ValueError for a name that cannot be."""
        unknown = set(names) - self._there
        if not unknown:
            return
        for name in unknown:
            check_name(name)
        async with administering(self._address) as admin:
            missing = unknown - set(await admin.list_topics())
            if missing:
                await create(admin, sorted(missing), partitions)
        self._there |= unknown

    def forget(self) -> None:
        """The broker may have lost its memory: look again next time."""
        self._there.clear()


async def create(admin: AIOKafkaAdminClient, names: Sequence[str], partitions: int) -> None:
    """Another process making the same topic at the same time is no error."""
    topics = [NewTopic(name, partitions, replication_factor=1) for name in names]
    for topic in topics:
        topic.replication_factor = BROKERS_DEFAULT  # the constructor refuses it, brokers since Kafka 2.4 take it
    response = await admin.create_topics(topics)
    for name, code, *message in response.topic_errors:
        if code not in (0, EXISTS):
            raise BusUnavailable(f"topic {name} could not be made: error {code} {' '.join(filter(None, message))}")


async def partitions(admin: AIOKafkaAdminClient, names: Sequence[str]) -> list[TopicPartition]:
    """Every partition of those topics that exist."""
    there = set(await admin.list_topics())
    known = [name for name in dict.fromkeys(names) if name in there]
    if not known:
        return []
    described = await admin.describe_topics(known)
    return [TopicPartition(topic["topic"], p["partition"]) for topic in described for p in topic["partitions"]]
