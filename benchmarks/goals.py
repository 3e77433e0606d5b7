"""What the engine is held to, as data, and how far each measured figure is from it. Reported, never asserted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.summary import Figure, Sample, cpu_us, median_difference, median_ratio, p50_us, rate

Comparison = Callable[[Sequence[Sample], str, str, Figure], float | None]


@dataclass(frozen=True, slots=True)
class Goal:
    """`contender` against `rival` in one scenario. `at_most` tells a ceiling from a floor."""

    text: str
    scenario: str
    contender: str
    rival: str
    figure: Figure
    limit: float
    at_most: bool = True
    comparison: Comparison = median_ratio
    unit: str = "×"

    def judge(self, samples: Sequence[Sample]) -> "Verdict | None":
        """None when one of the two did not run."""
        ran = [sample for sample in samples if sample.scenario == self.scenario]
        measured = self.comparison(ran, self.contender, self.rival, self.figure)
        if measured is None:
            return None
        return Verdict(self, measured, measured <= self.limit if self.at_most else measured >= self.limit)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal with what was measured for it."""

    goal: Goal
    measured: float
    met: bool

    @property
    def measured_text(self) -> str:
        return quantity(self.measured, self.goal.unit)

    @property
    def limit_text(self) -> str:
        return f"{'≤' if self.goal.at_most else '≥'} {quantity(self.goal.limit, self.goal.unit)}"


def quantity(value: float, unit: str) -> str:
    return f"{value:.2f} ×" if unit == "×" else f"{value:+,.0f} {unit}"


GOALS = (
    Goal("CPU per request, GET 1 KiB, against nginx", "get1k_c64", "engine", "nginx", cpu_us, 1.6),
    Goal("requests a second, GET 1 KiB, against Envoy", "get1k_c64", "engine", "envoy", rate, 2.0, at_most=False),
    Goal("requests a second, GET 1 KiB, against Caddy", "get1k_c64", "engine", "caddy", rate, 3.0, at_most=False),
    Goal("CPU per request, no two GETs alike, against nginx", "get1k_visitors_c64", "engine", "nginx", cpu_us, 1.6),
    Goal(
        "requests a second, no two GETs alike, against Envoy",
        "get1k_visitors_c64",
        "engine",
        "envoy",
        rate,
        2.0,
        at_most=False,
    ),
    Goal("CPU per request, POST 10 KiB, against nginx", "post10k_c64", "engine", "nginx", cpu_us, 2.4),
    Goal("requests a second, GET 100 KiB, against nginx", "get100k_c64", "engine", "nginx", rate, 1.0, at_most=False),
    Goal("CPU per request, GET 1 KiB, guarded, against nginx", "guarded", "engine, guarded", "nginx", cpu_us, 1.85),
    Goal("CPU per request, 1,000 routes against 1", "routes", "engine, 1,000 routes", "engine, 1 route", cpu_us, 1.15),
    Goal(
        "median latency at 200 requests a second, beyond nginx's",
        "lat200",
        "engine",
        "nginx",
        p50_us,
        150.0,
        comparison=median_difference,
        unit="µs",
    ),
)


def judge(samples: Sequence[Sample]) -> list[Verdict]:
    """The goals of which both sides were measured."""
    verdicts = (goal.judge(samples) for goal in GOALS)
    return [verdict for verdict in verdicts if verdict is not None]
