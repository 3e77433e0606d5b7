"""The arithmetic: medians over rounds, and ratios only between runs of the same round.

A shared machine drifts by more than the differences of interest, and runs of one round share its weather. Pure: it
reads samples, and judges nothing that failed.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one contender. `failure` in words makes its figures void; `cpu_us` is per request, None for direct."""

    round: int
    scenario: str
    contender: str
    requests: int = 0
    seconds: float = 0.0
    cpu_us: float | None = None
    p50_us: float = 0.0
    p99_us: float = 0.0
    resident_mib: float | None = None
    stolen_share: float = 0.0
    failure: str | None = None

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds if self.seconds else 0.0


Figure = Callable[[Sample], float | None]
"""What is taken from a sample; None where it has no such figure."""


def rate(sample: Sample) -> float | None:
    return sample.rate


def cpu_us(sample: Sample) -> float | None:
    return sample.cpu_us


def p50_us(sample: Sample) -> float | None:
    return sample.p50_us


def p99_us(sample: Sample) -> float | None:
    return sample.p99_us


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest value that at least `percent` of all values do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def figures(samples: Iterable[Sample], contender: str, figure: Figure) -> dict[int, float]:
    """Round → figure, of the runs of `contender` that did not fail."""
    valid = (sample for sample in samples if sample.contender == contender and sample.failure is None)
    taken = ((sample.round, figure(sample)) for sample in valid)
    return {number: value for number, value in taken if value is not None}


def median(values: Iterable[float]) -> float | None:
    """None when there is nothing to take it of."""
    known = list(values)
    return statistics.median(known) if known else None


def median_ratio(samples: Sequence[Sample], contender: str, baseline: str, figure: Figure) -> float | None:
    """Median, over the rounds that have both, of `contender` / `baseline`."""
    mine, theirs = figures(samples, contender, figure), figures(samples, baseline, figure)
    return median(mine[number] / theirs[number] for number in mine if theirs.get(number))


def median_difference(samples: Sequence[Sample], contender: str, baseline: str, figure: Figure) -> float | None:
    """Median, over the rounds that have both, of `contender` − `baseline`."""
    mine, theirs = figures(samples, contender, figure), figures(samples, baseline, figure)
    return median(mine[number] - theirs[number] for number in mine if number in theirs)


def contenders(samples: Iterable[Sample]) -> list[str]:
    """Labels in the order of their first run."""
    return list(dict.fromkeys(sample.contender for sample in samples))
