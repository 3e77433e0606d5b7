"""[IO] How each route stands by what the state store has of it: its verdict, and how often to ask its primary again."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from proxy.comparison.recall import recall_counts
from proxy.comparison.state_file import Damaged, LaterVersion
from proxy.comparison.tally import rules_name
from proxy.comparison.verdict import Counts, Verdict, judge, share_to_ask_again
from proxy.config.model import Route

WINDOW: Final = timedelta(hours=24)
"""How far back a verdict looks: a day has all that users do."""

FEW: Final = 0.01
"""The share that is asked again while nobody can tell what the counts are: noise that is not kept costs and tells
nothing."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`verdict` and `counts`, on which it rests, are None while the counts cannot be read."""

    verdict: Verdict | None
    share_to_ask_again: float
    counts: Counts | None = field(default=None, compare=False)


def standings(path: Path, routes: Iterable[Route], now: datetime, *, failing: bool = False) -> Mapping[str, Standing]:
    """By route, under the rules it has now. `failing`: nothing can be written at the moment."""
    groups = {route.name: (route.name, rules_name(route, now.date())) for route in routes}
    try:
        counts = recall_counts(path, groups.values(), now - WINDOW)
    except FileNotFoundError:
        counts = {group: Counts(0) for group in groups.values()}
    except (Damaged, LaterVersion, sqlite3.Error, OSError):
        return {name: Standing(None, FEW) for name in groups}
    return {name: _standing(counts[group], failing) for name, group in groups.items()}


def _standing(counts: Counts, failing: bool) -> Standing:
    return Standing(judge(counts).verdict, FEW if failing else share_to_ask_again(counts), counts)
