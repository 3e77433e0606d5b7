"""What a comparison costs: 20 KB of JSON with three changes, with and without rules, and the same bytes twice."""

import copy
import json
import timeit
from collections.abc import Callable
from datetime import date
from typing import Any

from proxy.comparison.compare import compare
from proxy.comparison.diff import Walk
from proxy.comparison.findings import Findings
from proxy.comparison.json_body import read_json
from proxy.comparison.rules import compile_rules
from proxy.comparison.texts import Hosts
from proxy.config.compare import Compare, IgnoreRule
from proxy.wire.exchange import CapturedAnswer

CLOCK = Compare(ignore=(IgnoreRule(path="$.items[*].updated_at"),))
TODAY = date(2026, 1, 1)


def catalogue() -> dict[str, Any]:
    """About 20 KB."""
    return {
        "items": [
            {"id": at, "name": f"Product number {at}", "price": f"{at}.50", "amount": at / 7, "tags": ["a", "b", "c"],
             "in_stock": True, "updated_at": "2026-01-01T00:00:00Z", "category": {"id": at % 7, "slug": "garden"}}
            for at in range(95)
        ],
        "next": None,
    }  # fmt: skip


def changed(*, clock: bool) -> dict[str, Any]:
    """Three changes, and with `clock` another time in every element."""
    other = copy.deepcopy(catalogue())
    other["items"][5]["price"] = "1.00"
    del other["items"][50]["name"]
    other["items"][80]["amount"] = 7
    for item in other["items"] if clock else ():
        item["updated_at"] = "2026-01-01T00:00:01Z"
    return other


def answer(value: object) -> CapturedAnswer:
    return CapturedAnswer(200, (("Content-Type", "application/json"),), json.dumps(value).encode(), 0.0)


def markdown(repeats: int = 20) -> str:
    """A table of milliseconds, the best of the repeats."""
    left, right, later = answer(catalogue()), answer(changed(clock=False)), answer(changed(clock=True))
    trees = read_json(left.body), read_json(right.body)
    plain, ruled = compile_rules(today=TODAY), compile_rules(CLOCK, today=TODAY)
    assert len(compare(left, right, plain).differences) == len(compare(left, later, ruled).differences) == 3
    cases: dict[str, Callable[[], object]] = {
        "`json.loads` of one side, for scale": lambda: json.loads(left.body),
        "the walk of both sides, three changes": lambda: Walk(plain, Hosts(), Findings()).compare(*trees, plain.start),
        "the whole, three changes": lambda: compare(left, right, plain),
        "the whole, three changes and an ignored clock in each element": lambda: compare(left, later, ruled),
        "the whole, equal bytes": lambda: compare(left, left, plain),
    }
    rows = [
        f"| {name} | {min(timeit.repeat(case, number=20, repeat=repeats)) * 50:.3f} |" for name, case in cases.items()
    ]
    return "\n".join([f"| {len(left.body)} bytes of JSON | ms |", "|---|---:|", *rows])
