"""How the fake processor misbehaves when it is told to: by chance, or by the last digits of a card.

Chance is drawn from the seed and from what is asked, never from a running generator: a seed means the same
misbehaviour whatever the order of requests, the number of processes, and the restarts in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

DECLINED_ENDING = "0002"
# So many first answers to a charge of such a card are lost, after it was charged.
LOST_ANSWERS: Mapping[str, int] = {"0119": 1, "0127": 6}
DUPLICATED_ENDING = "0135"  # each request about such a card reaches the processor twice

LONGEST_DELAY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of requests (0 to 1) that are declined, whose answer is lost, that arrive twice; `delay` in seconds."""

    decline: float = 0.0
    timeout: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    seed: int = 0

    def declines(self, last4: str, key: str) -> bool:
        return last4 == DECLINED_ENDING or self._happens(self.decline, "decline", key)

    def loses_charge(self, last4: str, key: str, ask: int) -> bool:
        """Whether the answer to the `ask`-th request (from 1) for this charge is lost."""
        return ask <= LOST_ANSWERS.get(last4, 0) or self._happens(self.timeout, "charge", key, ask)

    def loses_return(self, key: str, ask: int) -> bool:
        return self._happens(self.timeout, "return", key, ask)

    def duplicates(self, last4: str, key: str, kind: str) -> bool:
        return last4 == DUPLICATED_ENDING or self._happens(self.duplicate, f"duplicate {kind}", key)

    def _happens(self, share: float, *facts: object) -> bool:
        return share > 0 and draw(self.seed, *facts) < share


def draw(seed: int, *facts: object) -> float:
    """A number from 0 up to 1, always the same for the same facts."""
    text = ":".join(str(fact) for fact in (seed, *facts))
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big") / (1 << 48)


def parse_faults(text: str) -> Faults:
    """`decline=0.1,timeout=0.1,duplicate=0.05,delay=0.2,seed=7`, each of them optional. Raises ValueError."""
    values: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name not in _READERS:
            raise ValueError(f"{name!r} is not one of {', '.join(_READERS)}")
        values[name] = _READERS[name](name, value)
    return replace(Faults(), **values)


def _read_share(name: str, text: str) -> float:
    return _read_number(name, text, 1.0, "a share from 0 to 1")


def _read_delay(name: str, text: str) -> float:
    return _read_number(name, text, LONGEST_DELAY_SECONDS, f"a number of seconds from 0 to {LONGEST_DELAY_SECONDS:g}")


def _read_number(name: str, text: str, most: float, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:  # also false for nan
        raise ValueError(f"{name} must be {what}, not {text!r}")
    return number


def _read_seed(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError(f"{name} must be a whole number, not {text!r}")
    return int(text)


_READERS = {
    "decline": _read_share,
    "timeout": _read_share,
    "duplicate": _read_share,
    "delay": _read_delay,
    "seed": _read_seed,
}
