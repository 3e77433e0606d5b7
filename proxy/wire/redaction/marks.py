"""What is written in the place of a secret: `***1`, `***2`, … numbered in the order of first sight.

Equal secrets get equal marks, so that a replay can put its own value wherever one stood. Nothing else of a secret is
in its mark: no hash, no length. What is kept in memory to tell them apart never leaves it.
"""

import re
from hashlib import blake2b
from typing import Final

PLAIN: Final = "***"
"""The mark of a secret that came when too many were known to number it."""

MARK: Final = re.compile(r"\*\*\*[0-9]{0,9}")


class Marks:
    """The numbers given so far. Bounded: behind `BOUND`, new secrets get the mark without a number."""

    BOUND: Final = 100_000

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}

    def mark(self, secret: str) -> str:
        """The mark of a secret. Of no secret (nothing, or a mark) it is that itself."""
        if not secret or MARK.fullmatch(secret):
            return secret
        key = _key(secret)
        number = self._numbers.get(key)
        if number is None:
            if len(self._numbers) >= self.BOUND:
                return PLAIN
            number = self._numbers[key] = len(self._numbers) + 1
        return f"{PLAIN}{number}"

    def knows(self, text: str) -> bool:
        """Whether `text` has been masked before."""
        return _key(text) in self._numbers


def _key(secret: str) -> bytes:
    return blake2b(secret.encode("utf-8", "surrogatepass"), digest_size=16).digest()
