"""What one client connection tells about its client: worked out once, used by each of its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.forwarding.plan import Active, Plan
from proxy.forwarding.traffic import Seen
from proxy.wire.forwarded import extend_forwarding, forwarded_for, forwarded_scheme, replace_forwarding, resolve_client
from proxy.wire.head import RequestHead

if TYPE_CHECKING:
    from proxy.forwarding.sticky import Divided


class Origin:
    """The peer of a connection, judged by one active snapshot's networks.

    `head` is the connection's last one, where its plan holds for the same head again; `seen` the last that was counted,
    `divided` the last user at canary.
    """

    head: RequestHead | None = None
    plan: Plan | None = None
    seen: Seen | None = None
    divided: Divided | None = None

    def __init__(self, active: Active, peer: str, scheme: str) -> None:
        self.active = active
        self.peer = peer
        self.scheme = scheme
        self.trusted = peer in active.trusted_proxies
        self.may_choose = peer in active.trusted_callers  # a side, unless it speaks for others
        self._host: bytes | None = None
        self._lines = b""

    def forwarding_lines(self, head: RequestHead) -> bytes:
        """The X-Forwarded-* lines for an upstream, each with a leading CRLF."""
        if self.trusted:
            return extend_forwarding(head.extras.forwarding, self.peer, self.scheme, head.fields.host_value)
        host = head.fields.host_value
        if self._host != host:
            self._host = host
            self._lines = replace_forwarding(self.peer, self.scheme, host)
        return self._lines

    def client(self, head: RequestHead) -> str:
        """The client's address: the peer's, or what a trusted peer says."""
        if not self.trusted or not head.extras.forwarding:
            return self.peer
        return resolve_client(self.peer, forwarded_for(head.extras.forwarding), self.active.trusted_proxies)

    def is_secure(self, head: RequestHead) -> bool:
        """Whether the client speaks TLS: to us, or to what a trusted peer says."""
        if not self.trusted or not head.extras.forwarding:
            return self.scheme == "https"
        return forwarded_scheme(head.extras.forwarding, self.scheme) == "https"

    def may_steer(self, head: RequestHead) -> bool:
        """Whether this client may choose a side and be told why a decision was made."""
        return self.client(head) in self.active.trusted_callers
