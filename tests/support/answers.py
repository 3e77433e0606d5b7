"""Answers to compare, and the comparison of two bodies in one call."""

import json
from datetime import date

from proxy.comparison.compare import compare
from proxy.comparison.difference import Comparison
from proxy.comparison.rules import compile_rules
from proxy.config.compare import DEFAULT_COMPARE, Compare
from proxy.wire.exchange import CapturedAnswer

TODAY = date(2026, 6, 1)
PLAIN = compile_rules(today=TODAY)


def answer(
    body: object = None, *fields: tuple[str, str], status: int = 200, content_type: str | None = None, cut: bool = False
) -> CapturedAnswer:
    """`bytes` are a body as they are, texts are pages, all else is JSON."""
    if isinstance(body, bytes):
        kind, content = "text/plain", body
    elif isinstance(body, str):
        kind, content = "text/html; charset=utf-8", body.encode()
    else:
        kind, content = "application/json", json.dumps(body).encode()
    return CapturedAnswer(status, (("Content-Type", content_type or kind), *fields), content, 0.01, cut)


def found(left: object, right: object, rules: Compare = DEFAULT_COMPARE, **options: str) -> list[tuple[str, str]]:
    """Kind and field path of every difference between two bodies."""
    return pairs(compared(left, right, rules, **options))


def compared(left: object, right: object, rules: Compare = DEFAULT_COMPARE, **options: str) -> Comparison:
    kind = options.get("content_type")
    return compare(answer(left, content_type=kind), answer(right, content_type=kind), compile_rules(rules, today=TODAY))


def pairs(comparison: Comparison) -> list[tuple[str, str]]:
    return [(difference.kind.value, difference.path) for difference in comparison.differences]
