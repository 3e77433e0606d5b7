"""Time and chance enter the program here, so that everything else can be given its own."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

monotonic: Callable[[], float] = time.monotonic
"""Seconds from an arbitrary start; never goes back."""

getrandbits: Callable[[int], int] = random.SystemRandom().getrandbits


def now() -> datetime:
    """The time of day, aware, in UTC."""
    return datetime.now(UTC)


def chance(seed: int | None = None) -> random.Random:
    """A source of chance; seeded from the system's entropy unless a seed is given."""
    return random.Random(getrandbits(128) if seed is None else seed)  # noqa: S311 - ids and jitter, never secrets


draw: Callable[[], float] = chance().random
"""Uniform in [0, 1), another each time."""
