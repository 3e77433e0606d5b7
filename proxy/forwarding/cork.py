"""What one turn of the event loop has to send, held back until its end and sent together.

A turn reads from every connection that has something, and decides; sending is then one task behind the other. A peer
that sleeps is woken by the first of its messages and finds the others when it is done with that one, where messages
that are sent one by one, each behind its decision, wake it each time. An otherwise idle proxy sends no later for it.

Only whole messages wait, and none beyond the turn. Who comes with the last of `MOST_MESSAGES`, or with what makes them
more than `MOST_BYTES`, sends them all: so the first does not wait for the whole of a long turn.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

MOST_BYTES: Final = 1024 * 1024
MOST_MESSAGES: Final = 32

logger = logging.getLogger("strangler.forwarding")


class Cork:
    """The connections that have something to send at the end of this turn."""

    def __init__(self) -> None:
        self._waiting: list[Sender] = []
        self._bytes = 0

    def add(self, sender: Sender, size: int) -> None:
        """`flush` it at the end of the turn; `size` bytes wait there."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.send)
        self._waiting.append(sender)
        self._bytes += size
        if self._bytes > MOST_BYTES or len(self._waiting) >= MOST_MESSAGES:
            self.send()

    def send(self) -> None:
        """Send what waits."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        for sender in waiting:
            try:
                sender.flush()
            except Exception:  # a defect of one connection must not leave the others waiting
                logger.exception("a message could not be sent")
                sender.abort()


class Sender:
    """The sending side of one connection. What it is given goes out in order."""

    __slots__ = ("_cork", "_transport", "_waiting")

    def __init__(self, transport: asyncio.Transport, cork: Cork) -> None:
        self._transport = transport
        self._cork = cork
        self._waiting = b""

    def send(self, data: bytes) -> None:
        """Send at once, behind what waits: for what is part of a message, so that back-pressure is felt at once."""
        if self._waiting:
            data, self._waiting = self._waiting + data, b""
        self._transport.write(data)

    def send_soon(self, data: bytes) -> None:
        """Send a whole message at the end of the turn."""
        if self._waiting:
            self._waiting += data
        else:
            self._waiting = data
            self._cork.add(self, len(data))

    def flush(self) -> None:
        """Send what waits; nothing, where the connection is closing."""
        data, self._waiting = self._waiting, b""
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def abort(self) -> None:
        """End the connection: something is missing on it."""
        self._transport.abort()
