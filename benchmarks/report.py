"""Samples as tables: for the terminal while it runs, as Markdown for the documentation, as JSON for everything else."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.goals import judge
from benchmarks.machine import Machine
from benchmarks.peers import DIRECT, PEERS
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.summary import (
    Sample,
    contenders,
    cpu_us,
    figures,
    median,
    median_difference,
    median_ratio,
    p50_us,
    p99_us,
    rate,
)

NOISY_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Record:
    """All that one command measured; what build/bench/*.json holds."""

    machine: Machine
    versions: dict[str, str]
    skipped: list[str]
    seconds: float
    seed: int
    samples: list[Sample]

    def dump(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def load(cls, text: str) -> "Record":
        """Raises ValueError when the text is not a record."""
        try:
            read: dict[str, Any] = json.loads(text)
            machine = Machine(**read.pop("machine"))
            return cls(machine=machine, samples=[Sample(**sample) for sample in read.pop("samples")], **read)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a record of this benchmark: {error}") from error


def sample_line(sample: Sample, rounds: int) -> str:
    """One run, on one line of a terminal."""
    start = f"{sample.round}/{rounds} {sample.scenario:<14} {sample.contender:<20}"
    if sample.failure:
        return f"{start} FAILED: {sample.failure}"
    cpu = f"{sample.cpu_us:9.1f}" if sample.cpu_us is not None else "        –"
    return (
        f"{start} {sample.rate:8,.0f} rps {cpu} µs CPU   p50 {sample.p50_us:9,.0f}   p99 {sample.p99_us:9,.0f} µs"
        f"   steal {sample.stolen_share:4.0%}"
    )


def markdown(record: Record) -> str:
    """Everything, scenario by scenario, with the goals first."""
    names = list(dict.fromkeys(sample.scenario for sample in record.samples))
    parts = [preface(record), goals_table(record.samples)]
    parts += [scenario_section(SCENARIOS[name], record.samples) for name in names]
    return "\n\n".join(part for part in parts if part)


def preface(record: Record) -> str:
    """Where, when, with what."""
    rounds = max((sample.round for sample in record.samples), default=0)
    steal = median(sample.stolen_share for sample in record.samples) or 0.0
    noise = " (noisy: read ratios, not figures)" if steal > NOISY_SHARE else ""
    versions = "; ".join(f"{PEERS[name].title.strip('*')} {version}" for name, version in record.versions.items())
    lines = [
        f"Measured on {record.machine}. {rounds} rounds of {record.seconds:g} s a run, order shuffled with seed "
        f"{record.seed}; median steal {steal:.1%}{noise}.",
        "",
        f"Versions: {versions}.",
    ]
    if record.skipped:
        lines += ["", f"Not run: {'; '.join(record.skipped)}."]
    return "\n".join(lines)


def goals_table(samples: Sequence[Sample]) -> str:
    """Each goal, what was measured, and whether it holds."""
    verdicts = judge(samples)
    if not verdicts:
        return ""
    rows = [[v.goal.text, v.limit_text, v.measured_text, "met" if v.met else "**missed**"] for v in verdicts]
    return "### Goals\n\n" + table(["`strangler serve`", "goal", "measured", ""], rows)


def scenario_section(scenario: Scenario, samples: Sequence[Sample]) -> str:
    """A heading, the table from the cheapest to the dearest, and every round's CPU figure."""
    ran = [sample for sample in samples if sample.scenario == scenario.name]
    labels = sorted(contenders(ran), key=lambda label: median(figures(ran, label, cpu_us).values()) or 0.0)
    header = [
        "",
        "CPU µs/request",
        f"× {scenario.baseline}",
        "requests/s",
        f"× {scenario.baseline}",
        "p50 µs",
        "p99 µs",
        "p50 − direct",
        "RSS MiB",
        "steal %",
        "CPU µs/request, round by round",
    ]
    rows = [row(scenario, ran, label) for label in labels]
    failures = [f"- {s.contender}, round {s.round}: {s.failure.splitlines()[0]}" for s in ran if s.failure]
    lost = "\n\nRuns that failed, and are not counted:\n\n" + "\n".join(failures) if failures else ""
    return f"### {scenario.title} (`{scenario.name}`)\n\n{table(header, rows)}{lost}"


def row(scenario: Scenario, ran: Sequence[Sample], label: str) -> list[str]:
    """One contender's medians."""
    own = [sample for sample in ran if sample.contender == label and sample.failure is None]
    return [
        PEERS[label].title if label in PEERS else label,
        number(median(figures(ran, label, cpu_us).values()), 1),
        number(median_ratio(ran, label, scenario.baseline, cpu_us), 2),
        number(median(figures(ran, label, rate).values())),
        number(median_ratio(ran, label, scenario.baseline, rate), 2),
        number(median(figures(ran, label, p50_us).values())),
        number(median(figures(ran, label, p99_us).values())),
        number(median_difference(ran, label, DIRECT, p50_us)),
        number(median(s.resident_mib for s in own if s.resident_mib is not None)),
        number(median(s.stolen_share * 100 for s in own)),
        " ".join(number(value, 1) for value in figures(ran, label, cpu_us).values()),
    ]


def number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left, figures to the right."""
    align = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, align, *rows))


def replace_block(document: str, name: str, body: str) -> str:
    """`document` with what stands between `<!-- name -->` and `<!-- /name -->` replaced. ValueError without them."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = document.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"no {start} … {end} in the document")
    return f"{before}{start}\n\n{body}\n\n{end}{after}"


def write_block(path: Path, name: str, body: str) -> None:
    """The same, on a file."""
    path.write_text(replace_block(path.read_text(), name, body))
