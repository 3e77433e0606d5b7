"""Public ids: UUIDv7 (RFC 9562 §5.7), so that they sort by the moment they were made and tell nothing of row counts."""

import secrets
import time
from uuid import UUID


def uuid7() -> UUID:
    """A new id for this moment."""
    return uuid7_at(time.time_ns(), secrets.randbits(62))


def uuid7_at(moment_ns: int, random_bits: int) -> UUID:
    """The id for a moment in nanoseconds since 1970 and 62 random bits.

    The 12 bits after the milliseconds hold the fraction of the millisecond (RFC 9562 §6.2, method 3), so that two ids
    made by one process within a millisecond still sort in the order they were made.
    """
    milliseconds, rest_ns = divmod(moment_ns, 1_000_000)
    fraction = (rest_ns << 12) // 1_000_000
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random_bits & (1 << 62) - 1)
