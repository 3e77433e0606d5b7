"""What every bus promises: durable, ordered per key, at least once to each group, dead letters, replay.

A message of one key always goes to the same partition of its topic; a partition is handled by one consumer of a group
at a time, in order. A handler may see a message again (after a crash, a rebalance, a replay): effects are made once by
the inbox of whoever handles it, never by the bus.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

PARTITIONS = 8
"""Of a topic that a bus creates: the most consumers of one group that can share its work."""


class BusUnavailable(Exception):
    """The bus cannot be reached, or cannot store: nothing was lost, and the same call may succeed later."""


class GroupActive(Exception):
    """A group's position cannot be moved while its consumers run (Kafka): stop them first."""


class Poison(Exception):
    """Raised by a handler: this message can never be handled. It becomes a dead letter at once; str() is the reason."""


class NotNow(Exception):
    """Raised by a handler: its own database is away. The partition waits and tries again, for as long as it takes."""


@dataclass(frozen=True, slots=True)
class Message:
    """`key` chooses the partition; `id` is unique per event, so that a message published twice can be told."""

    topic: str
    key: str
    value: bytes
    id: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way to a handler. `attempt` counts from 1; waiting after `NotNow` does not count."""

    message: Message
    partition: int
    offset: int
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that `group` gave up after `delivery.attempt` attempts, and why."""

    delivery: Delivery
    group: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a message is tried before it is a dead letter, and how long to wait in between (full jitter)."""

    attempts: int = 5  # a fault of a moment has passed by then: about two seconds
    first: timedelta = timedelta(milliseconds=100)
    factor: float = 2.0
    most: timedelta = timedelta(seconds=5)  # after NotNow too: so soon a database that is back is seen

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.factor < 1 or self.first <= timedelta() or self.most < self.first:
            raise ValueError(f"not a schedule of retries: {self}")


RETRY = Retry()


@dataclass(frozen=True, slots=True)
class FromStart:
    """Everything that the topic still holds."""


@dataclass(frozen=True, slots=True)
class FromTime:
    """Messages published at or after `at` (aware)."""

    at: datetime


@dataclass(frozen=True, slots=True)
class FromOffset:
    """One partition, from that offset."""

    partition: int
    offset: int


Position = FromStart | FromTime | FromOffset

Handler = Callable[[Delivery], Awaitable[None]]
"""Handles one message. Returns: done. `Poison`, `NotNow`: see there. Any other exception: tried again, then dead."""

DeadHandler = Callable[[Delivery, str], Awaitable[None]]
"""Told of a message that becomes a dead letter, and why, before its partition goes on. `NotNow` makes it wait."""


class Bus(Protocol):
    """A durable log of messages by topic and partition, read by groups."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Store them; durable when it returns, in the order given per key.

        Raises BusUnavailable: then some may be stored, and publishing them all again is right. ValueError for a
        message that can never be stored (too large for the bus).
        """

    def subscribe(
        self,
        topics: Sequence[str],
        group: str,
        handler: Handler,
        *,
        dead: DeadHandler | None = None,
        retry: Retry = RETRY,
    ) -> AbstractAsyncContextManager[None]:
        """Handle the topics' messages in the background, for as long as the context lasts.

        Partitions are handled side by side, each in order, shared among all consumers of `group`; a new group begins
        at the oldest message. A position is committed after its handler returned. Entering needs no reachable bus, and
        a bus that goes away is waited for. Leaving lets the handlers at work end (a few seconds), and commits.
        """

    async def check(self) -> None:
        """Return when the bus answers; BusUnavailable otherwise, within a few seconds. For a readiness probe."""

    async def lag(self, group: str, topics: Sequence[str]) -> int:
        """Messages that `group` has not handled yet, all topics together. Raises BusUnavailable."""

    async def dead_letters(self, topics: Sequence[str], limit: int) -> list[DeadLetter]:
        """The newest `limit` dead letters of all groups, newest first. Raises BusUnavailable."""

    async def replay(self, group: str, topic: str, *, since: Position) -> int:
        """Let `group` handle `topic` again from there; how many messages that is. Never skips what it has not handled.

        Raises LookupError for a topic, group or partition that is unknown, GroupActive, BusUnavailable.
        """

    async def close(self) -> None:
        """Give everything back. Leave subscriptions before."""
