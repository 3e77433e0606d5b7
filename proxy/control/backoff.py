"""How long to wait before a process that ended by itself is started again.

A first failure is repaired at once, a process that cannot live does not burn the machine, and one that lived for a
while is trusted anew.
"""

from dataclasses import dataclass, replace

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 10.0
TRUSTED_AFTER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """The next delay, in seconds."""

    delay: float = FIRST_SECONDS

    def after(self, lived_seconds: float) -> tuple[float, "Backoff"]:
        """The wait after a process lived that long, and the state for the time after it."""
        delay = FIRST_SECONDS if lived_seconds >= TRUSTED_AFTER_SECONDS else self.delay
        return delay, replace(self, delay=min(delay * 2, LONGEST_SECONDS))
