"""What counts can tell for certain: bounds of shares and of quantiles, at the certainty that a rollback takes.

Pure arithmetic on Wilson's interval and, for two sides, Newcombe's (`proxy.comparison.noise`). A rollout is looked at
all the time, and one look in forty that errs would undo most good rollouts: so 95 % is promised for a whole one.
"""

from statistics import NormalDist
from typing import Final

from proxy.comparison.noise import excess, wilson
from proxy.observability.windows import Answers

LOOKS: Final = 1000
"""Looks of one rollout that each tell something new: 5 steps, a quarter of an hour each, 4 gates, a window of a minute
that slides (about three times as many as windows that do not overlap)."""

CERTAIN: Final = NormalDist().inv_cdf(1 - 0.05 / LOOKS)
"""The z of a breach, 3.89: all looks of a rollout together err by chance in 5 % at most."""

FEWEST_BAD: Final = 5
"""Bad answers without which no share is a breach: with fewer, Wilson's interval promises more than it holds."""

FEWEST_TIMED: Final = 20
"""Answers without which no 95th percentile is one: among fewer it is just the slowest."""


def certainly_above(bad: int, of: int, limit: float) -> bool:
    """Whether the share `bad` of `of` comes from one above `limit`, whatever chance did."""
    return bad >= FEWEST_BAD and wilson(bad, of, CERTAIN).low > limit


def certainly_more(bad: int, of: int, other_bad: int, other_of: int, more: float) -> bool:
    """Whether one share lies more than `more` above another one."""
    low, _ = excess(wilson(bad, of, CERTAIN), wilson(other_bad, other_of, CERTAIN))
    return bad >= FEWEST_BAD and low > more


def certainly_times(bad: int, of: int, other_bad: int, other_of: int, times: float) -> bool:
    """Whether one share is more than `times` another one."""
    return certainly_above(bad, of, times * wilson(other_bad, other_of, CERTAIN).high)


def quantile_bounds(answers: Answers, share: float, z: float) -> tuple[float, float]:
    """Seconds between which the quantile of all such answers lies, at `z`: bounds of buckets, 0, or infinity.

    It lies above a bound when the share of answers that took longer, at its lowest, is more than what the quantile
    leaves. No distribution is assumed, inside a bucket neither.
    """
    total = sum(answers.durations)
    low, slower = 0.0, total
    for index, bound in enumerate(answers.bounds):
        slower -= answers.durations[index]
        rate = wilson(slower, total, z)
        if rate.low > 1 - share:
            low = bound
        if rate.high < 1 - share:
            return low, bound
    return low, float("inf")
