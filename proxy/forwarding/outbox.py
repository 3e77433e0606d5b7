"""What one turn of the event loop has to send, sent together at its end.

A turn reads from every connection that has something, and decides; sending is then one task behind the other. A peer
that sleeps is woken by the first of its messages and finds the others when it is done with that one, where messages
that are sent one by one, each behind its decision, wake it each time. An otherwise idle proxy sends no later for it.

Only whole messages wait, one a connection, and none beyond the turn: what waits is never more than what was just read.
"""

from __future__ import annotations

import asyncio
import logging

logger = logging.getLogger("strangler.forwarding")


class Outbox:
    """The connections of one event loop that have something to send at the end of this turn."""

    def __init__(self) -> None:
        self._waiting: list[Sender] = []

    def add(self, sender: Sender) -> None:
        """`flush` it at the end of the turn."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._send)
        self._waiting.append(sender)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for sender in waiting:
            try:
                sender.flush()
            except Exception:  # a defect of one connection must not leave the others waiting
                logger.exception("a message could not be sent")


class Sender:
    """The sending side of one connection. What it is given goes out in order."""

    __slots__ = ("_outbox", "_transport", "_waiting")

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
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
            self._outbox.add(self)

    def flush(self) -> None:
        """Send what waits; nothing, where the connection is closing."""
        data, self._waiting = self._waiting, b""
        if data and not self._transport.is_closing():
            self._transport.write(data)
