"""The place of one process that must run: who holds it, who comes next, who is leaving, when to try again.

It starts and ends nothing by itself; the supervisor acts on what it says.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from proxy import clock
from proxy.control.backoff import Backoff
from proxy.control.child import Child


@dataclass(slots=True, eq=False)
class Slot:
    """A worker's number, or the control process. `start_at` is on the monotonic clock."""

    name: str
    number: int = 0
    current: Child | None = None
    successor: Child | None = None  # of a rolling restart: started, not yet serving
    leaving: list[Child] = field(default_factory=list)
    backoff: Backoff = field(default_factory=Backoff)
    start_at: float | None = None
    restarts: int = 0

    def children(self) -> Iterator[Child]:
        yield from (child for child in (self.current, self.successor) if child is not None)
        yield from self.leaving

    @property
    def serving(self) -> bool:
        return self.current is not None and self.current.serving

    def lose(self, child: Child) -> float | None:
        """Note that `child` has ended. Seconds until it must be replaced; None when it was to end."""
        if child in self.leaving:
            self.leaving.remove(child)
            return None
        if child is self.successor:
            self.successor = None
            return None
        self.current, self.successor = self.successor, None
        if self.current is not None or child.kill_at is not None:
            return None
        delay, self.backoff = self.backoff.after(child.lived_seconds)
        self.start_at = clock.monotonic() + delay
        self.restarts += 1
        return delay

    def succeed(self) -> Child | None:
        """Let the successor take over. The one it replaces, which must now be ended."""
        old, self.current, self.successor = self.current, self.successor, None
        if old is not None:
            self.leaving.append(old)
        return old
