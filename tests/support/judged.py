"""Pairs as the runner judges them, for tests of what is kept of them."""

from datetime import UTC, datetime

from proxy.comparison.difference import Comparison, Difference, Kind, Undecided
from proxy.comparison.tally import Judged
from proxy.wire.exchange import Exchange

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def differing(*paths: str, kind: Kind = Kind.VALUE, undecided: Undecided | None = None) -> Comparison:
    return Comparison(tuple(Difference(kind, path, "1", "2", path.replace("*", "3")) for path in paths), undecided)


def judged(
    *paths: str,
    at: datetime = AT,
    route: str = "r",
    rules: str = "v1",
    undecided: Undecided | None = None,
    again: Comparison | None = None,
    example: Exchange | None = None,
) -> Judged:
    return Judged(at, route, rules, differing(*paths, undecided=undecided), again, example)
