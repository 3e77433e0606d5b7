"""What the control plane asks of whatever carries the requests.

The embedded engine is one such data plane; nothing in `control` knows which one it drives.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from proxy.config.model import Snapshot
from proxy.forwarding.holding import Hold
from proxy.forwarding.known_endpoints import Known
from proxy.forwarding.mirror import HandOver
from proxy.forwarding.recording import TakeRecorded, Wanted


class DataPlane(Protocol):
    """One worker's engine. All of it but `prepare` is called in the worker's event loop."""

    @property
    def revision(self) -> str:
        """Of the active snapshot."""
        ...

    def prepare(self, snapshot: Snapshot) -> Callable[[], None]:
        """Work out everything that can be without touching what serves; for a large snapshot, in a thread.

        Calling the result takes the snapshot for all requests from now on. Both may raise `ConfigError` or `OSError`,
        and then the snapshot before goes on.
        """
        ...

    def apply_endpoints(self, known: Mapping[str, Known]) -> None:
        """Use what is known of endpoints: all of it, by upstream. One with `discover` that is not there has none yet.

        It may be of the snapshot before or after the active one: what is said of others is left out.
        """
        ...

    def sign_pins_with(self, key: bytes) -> None:
        """The key of the cookies that keep a user's group where a write was taken; all workers have the same."""
        ...

    def hand_pairs_to(self, take: HandOver) -> None:
        """Give whatever is to be compared to `take` from now on; before, it is dropped and counted."""
        ...

    def ask_again(self, shares: Mapping[str, float]) -> None:
        """By route, the share of copied requests whose primary is asked a second time."""
        ...

    def record(self, wanted: Wanted | None, take: TakeRecorded) -> None:
        """Give what is wanted of the exchanges that begin from now on to `take`; None ends that."""
        ...

    def hold(self, holds: Sequence[Hold]) -> dict[str, dict[str, Any]]:
        """Hold just these writes from now on, and let go who waits for other holds to end.

        What became of all of them, by hold (`forwarding.holding.Line.describe`), and how many such writes are
        `under_way` at upstreams.
        """
        ...

    def close_left(self, routes: Sequence[str]) -> None:
        """End tunnels and event streams of a side that these routes have left, before their time (`stream_drain`)."""
        ...

    def reload_certificates(self) -> None:
        """Read certificate files again; on `OSError` or `ssl.SSLError` those in use stay."""
        ...

    def counters(self) -> dict[str, Any]:
        """Everything counted since the process began, as JSON-able values (see `observability.metrics`)."""
        ...

    def traffic(self) -> list[list[Any]]:
        """What was asked for since the process began (see `forwarding.traffic`)."""
        ...

    def drain(self) -> None:
        """Stop accepting, answer what has been asked, then let `serve` return; it does so within `drain_timeout`."""
        ...

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Serve listening sockets until drained."""
        ...
