"""How a broker is reached, and what its failures are called here. Nothing else catches an error of aiokafka's."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from extracted_services.messaging.ports import BusUnavailable

REQUEST_MILLISECONDS = 5_000  # of one request, where aiokafka waits 40 s: a publisher would rather hear that it failed


@dataclass(frozen=True, slots=True)
class Address:
    """host:port of some brokers of a cluster, and the name this process gives itself there."""

    servers: tuple[str, ...]
    client: str

    def __str__(self) -> str:
        return ", ".join(self.servers)

    def settings(self) -> dict[str, Any]:
        """What every client of aiokafka takes."""
        return {
            "bootstrap_servers": list(self.servers),
            "client_id": self.client,
            "request_timeout_ms": REQUEST_MILLISECONDS,
        }


@contextlib.contextmanager
def translated(address: Address) -> Iterator[None]:
    """Errors of the broker, or of the way there, as BusUnavailable."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise BusUnavailable(f"{address}: {str(error) or type(error).__name__}") from error


@contextlib.asynccontextmanager
async def administering(address: Address) -> AsyncIterator[AIOKafkaAdminClient]:
    """An administrator's connection for a moment. Raises BusUnavailable."""
    with translated(address):
        admin = AIOKafkaAdminClient(**address.settings())
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()


@contextlib.asynccontextmanager
async def inspecting(
    address: Address, partitions: Sequence[Any] = (), *, group: str | None = None
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that is no member of a group: it may read those partitions, and commit positions of `group`.

    They are paused, so that nothing is fetched in the background that nobody asked for.
    """
    with translated(address):
        consumer = AIOKafkaConsumer(
            group_id=group, enable_auto_commit=False, auto_offset_reset="earliest", **address.settings()
        )
        if partitions:
            consumer.assign(list(partitions))
            consumer.pause(*partitions)
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()
