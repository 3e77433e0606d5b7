"""A client connection whose request has to wait while its writing moves (`proxy.forwarding.holding`).

While it waits nothing is read from the client and nothing is sent, to it or to anybody. A client that leaves meanwhile
is seen by the state of its connection, and its request is forgotten.
"""

from __future__ import annotations

import asyncio
import socket
from abc import abstractmethod
from typing import Final, cast

from proxy.forwarding.client import ANSWER, BODY, HEAD, HELD, ClientSocket
from proxy.forwarding.forwarder import Forwarder
from proxy.forwarding.outcome import Outcome
from proxy.wire.head import RequestHead
from proxy.wire.refusal import Refusal

_ESTABLISHED: Final = 1  # of the states in tcp(7), the one in which both sides may send


class HeldClient(ClientSocket):
    """What a line asks of a connection (`holding.Waiting`)."""

    def __init__(self, forwarder: Forwarder) -> None:
        super().__init__(forwarder)
        self._busy = False  # reading requests: an answer that ends now must not start another reader
        self._held: tuple[RequestHead, str] | None = None  # the request that waits, and its route

    @abstractmethod
    def _start(self, head: RequestHead) -> None: ...

    @abstractmethod
    def _start_with_body(self, head: RequestHead) -> None: ...

    @abstractmethod
    def _read_requests(self) -> None: ...

    @abstractmethod
    def _turn_away(self, head: RequestHead, route: str, outcome: Outcome) -> None: ...

    def _must_wait(self, head: RequestHead) -> bool:
        """Whether this request may not be started now: it waits, or is refused because too many do."""
        forwarder = self.forwarder
        found = forwarder.find_hold(head)
        if found is None or forwarder.holding is None:
            return False
        route, line = found
        self._held = head, route
        self.state = HELD
        if forwarder.holding.join(line, self, forwarder.monotonic()):
            self.pause_reading()
        else:
            self.refuse_held(Outcome.HOLD_FULL)
        return True

    def let_go(self) -> None:
        """Start the request as if it had just come."""
        held, self._held = self._held, None
        if held is None or self.state is not HELD:
            return  # its client has gone in this very turn
        if has_left(self.transport):
            self.drop()
            return
        self.state = HEAD
        self.resume_reading()
        self._busy = True
        try:
            self._begin(held[0])
        except Refusal as refusal:
            self._refuse(refusal)
        finally:
            self._busy = False
        if self._pending and self.state is HEAD:
            self._read_requests()

    def _begin(self, head: RequestHead) -> None:
        if head.has_body:
            self._start_with_body(head)
        else:
            self._start(head)

    def refuse_held(self, outcome: Outcome) -> None:
        """Answer the request here. Its body, if it has one, is never read, and so the connection ends."""
        assert self._held is not None
        (head, route), self._held = self._held, None
        self.state = BODY if head.has_body else ANSWER
        self._turn_away(head, route, outcome)

    def drop_if_gone(self) -> bool:
        """Whether the client has left; its connection is then ended."""
        if not has_left(self.transport):
            return False
        self._held = None
        self.drop()
        return True

    def _leave_line(self) -> None:
        """The connection is lost."""
        if self.state is HELD and self.forwarder.holding is not None:
            self.forwarder.holding.leave(self, self.forwarder.monotonic())


def has_left(transport: asyncio.Transport) -> bool:
    """Whether the client has closed its side, of a connection that is not read from. Known on Linux alone."""
    sock = cast(socket.socket, transport.get_extra_info("socket"))
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6) or not hasattr(socket, "TCP_INFO"):
        return False
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != _ESTABLISHED
    except (OSError, ValueError):  # it is closed: asyncio says the one, uvloop the other
        return True
