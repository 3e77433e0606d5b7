"""The judgement on a route: do its two sides answer alike, as far as the counts of its comparisons can tell.

Pure arithmetic on counts. A verdict is never better than its data: what has been seen too seldom is said to be so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.comparison.difference import Kind
from proxy.comparison.noise import Rate, Reading, excess, strictness, tell, wilson

MIN_COMPARED: Final = 100
"""Pairs. After so many equal ones a fault in more than 4 % of the answers would have been seen (Wilson, 95 %)."""

WHOLE: Final = frozenset({"status", "$"})
"""Fields that are all of an answer: where they are noise, nothing below them is ever compared."""


class Verdict(StrEnum):
    """What is known of a route."""

    MATCH = "match"  # nothing differs more often than the primary from itself
    MISMATCH = "mismatch"
    NOISY = "noisy"  # the primary differs from itself as a whole, so that equality means nothing
    NOT_ENOUGH_DATA = "not_enough_data"


@dataclass(frozen=True, slots=True)
class FieldCounts:
    """In how many pairs a field differed: from the candidate (`raw`), and from the primary itself (`noise`)."""

    kind: Kind
    path: str
    raw: int
    noise: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What a route's comparisons found.

    `compared`: pairs of primary and candidate that were judged. `again`: pairs of the primary with itself. `undecided`:
    pairs that could not be judged, in neither of the two. Each field at most once.
    """

    compared: int
    again: int = 0
    undecided: int = 0
    fields: Sequence[FieldCounts] = ()


@dataclass(frozen=True, slots=True)
class JudgedField:
    """A field, its rates with their 95 % bounds, and the bounds of how much more it differs than from itself."""

    kind: Kind
    path: str
    reading: Reading
    raw: Rate
    noise: Rate
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, why, and what it rests upon. Fields that count come first, then by how often they differed."""

    verdict: Verdict
    reason: str
    compared: int
    again: int
    undecided: int
    fields: tuple[JudgedField, ...]

    def of(self, reading: Reading) -> tuple[JudgedField, ...]:
        return tuple(field for field in self.fields if field.reading is reading)


def judge(counts: Counts) -> Judgement:
    """The verdict on a route."""
    z = strictness(len(counts.fields))
    order = list(Reading)
    fields = sorted(
        (_judged(field, counts, z) for field in counts.fields),
        key=lambda field: (order.index(field.reading), -field.raw.share, field.path, field.kind),
    )
    verdict, reason = _verdict(counts, fields)
    return Judgement(verdict, reason, counts.compared, counts.again, counts.undecided, tuple(fields))


def _judged(field: FieldCounts, counts: Counts, z: float) -> JudgedField:
    raw, noise = wilson(field.raw, counts.compared), wilson(field.noise, counts.again)
    reading = tell(field.raw, counts.compared, field.noise, counts.again, z)
    if field.kind is Kind.AUTHORISATION and field.raw > field.noise:
        reading = Reading.REAL  # letting somebody in once is no noise
    return JudgedField(field.kind, field.path, reading, raw, noise, *excess(raw, noise))


def _verdict(counts: Counts, fields: Sequence[JudgedField]) -> tuple[Verdict, str]:
    real = [field for field in fields if field.reading is Reading.REAL]
    unclear = [field for field in fields if field.reading is Reading.UNCLEAR]
    whole = [field for field in fields if field.reading is Reading.NOISE and field.noise.count and field.path in WHOLE]
    if real:
        more = f", and {len(real) - 1} more" if len(real) > 1 else ""
        return Verdict.MISMATCH, f"{real[0].path} differs in {real[0].raw.count} of {counts.compared} pairs{more}"
    if counts.compared < MIN_COMPARED:
        return Verdict.NOT_ENOUGH_DATA, f"{counts.compared} pairs of the {MIN_COMPARED} that a verdict takes"
    if whole:
        return Verdict.NOISY, f"the primary's own {whole[0].path} differs in {whole[0].noise.count} of {counts.again}"
    if unclear:
        asked = f"the primary was compared with itself {counts.again} times: too few to tell"
        return Verdict.NOT_ENOUGH_DATA, f"{unclear[0].path} differs in {unclear[0].raw.count} pairs; {asked}"
    if counts.undecided > counts.compared:
        return Verdict.NOT_ENOUGH_DATA, f"{counts.undecided} pairs could not be judged, {counts.compared} could"
    noise = sum(field.noise.count > 0 for field in fields)
    return Verdict.MATCH, f"no field counts in {counts.compared} pairs" + (f"; {noise} are noise" if noise else "")


ALWAYS_AGAIN: Final = 50  # first comparisons of the primary with itself
ENOUGH_AGAIN: Final = 1000


def share_to_ask_again(counts: Counts) -> float:
    """The share of a route's safe requests that the primary is asked a second time, 0..1.

    All until it is known at all what is noise; then more while a field waits for its reading than when none does. Never
    nothing: what is noise changes with the primary.
    """
    if counts.again < ALWAYS_AGAIN:
        return 1.0
    if any(field.reading is Reading.UNCLEAR for field in judge(counts).fields):
        return 0.5 if counts.again < ENOUGH_AGAIN else 0.2
    return 0.1 if counts.again < ENOUGH_AGAIN else 0.01
