"""Whether a field differs because the service is different, or because it differs anyway.

The primary is asked again now and then, and compared with itself: what differs there is noise. A field counts when the
rate at which it differs from the candidate lies clearly above the rate at which the primary differs from itself. The
idea is Diffy's; in place of its thresholds stands a confidence interval for the difference of two proportions:
Newcombe's hybrid score method (Statistics in Medicine 17, 1998, method 10) on Wilson's intervals (1927).
"""

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from statistics import NormalDist
from typing import Final

Z: Final = 1.96
"""Of the intervals that are shown: 95 %."""

ALARM: Final = 0.0002
"""The chance of calling one route's noise a fault in one look. Looks are many, and fields too: they share it."""

MARGIN: Final = 0.2
"""How far above the noise, as a share of both rates together, a field counts: Diffy's `threshold.relative`."""

HIDDEN: Final = 0.05
"""Noise may hide a fault in at most this share of the answers, or there is not enough data to call it noise."""


class Reading(StrEnum):
    """What the counts of a field say."""

    REAL = "real"
    NOISE = "noise"
    UNCLEAR = "unclear"  # to be told when the primary has been asked again more often


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened, and between which bounds its probability lies."""

    count: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.count / self.of if self.of else 0.0


def wilson(count: int, of: int, z: float = Z) -> Rate:
    """Wilson's score interval of `count` in `of`. Without a trial it is everything there is: 0 to 1."""
    if of <= 0:
        return Rate(0, 0, 0.0, 1.0)
    share, square = count / of, z * z
    middle = (share + square / (2 * of)) / (1 + square / of)
    reach = z * sqrt(share * (1 - share) / of + square / (4 * of * of)) / (1 + square / of)
    low = 0.0 if count == 0 else max(0.0, middle - reach)
    return Rate(count, of, low, 1.0 if count == of else min(1.0, middle + reach))


def excess(raw: Rate, noise: Rate) -> tuple[float, float]:
    """The bounds of `raw` less `noise`, by Newcombe. At the confidence of the two rates."""
    distance = raw.share - noise.share
    low = distance - sqrt((raw.share - raw.low) ** 2 + (noise.high - noise.share) ** 2)
    high = distance + sqrt((raw.high - raw.share) ** 2 + (noise.share - noise.low) ** 2)
    return low, high


def strictness(fields: int) -> float:
    """The z at which a field counts where so many are looked at (Bonferroni), one-sided."""
    return NormalDist().inv_cdf(1 - ALARM / max(1, fields))


def tell(raw: int, compared: int, noise: int, again: int, z: float) -> Reading:
    """What it means that a field differed in `raw` of `compared` pairs, and from itself in `noise` of `again`."""
    rate, own = wilson(raw, compared, z), wilson(noise, again, z)
    low, _ = excess(rate, own)
    if low > 0 and rate.share - own.share > MARGIN * (rate.share + own.share):
        return Reading.REAL
    if raw == 0:
        return Reading.NOISE
    _, high = excess(wilson(raw, compared), wilson(noise, again))
    return Reading.NOISE if noise and high <= max(HIDDEN, MARGIN * (rate.share + own.share)) else Reading.UNCLEAR
