"""What may be told of a pair whose answers differ: the exchange without its secrets, and each difference likewise.

Answers are compared as they are, so that two tokens that differ are seen to; their texts are never shown. What is shown
comes from a second comparison, of the masked answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from proxy.comparison.compare import compare
from proxy.comparison.difference import Comparison, Difference
from proxy.comparison.rules import Rules
from proxy.wire.exchange import Exchange
from proxy.wire.redaction import Redactor
from proxy.wire.redaction.marks import MARK, PLAIN


def tell(
    found: Comparison,
    exchange: Exchange,
    sides: tuple[str, str],
    rules: Rules,
    redactor: Redactor,
    hosts: Sequence[str],
) -> tuple[Exchange, tuple[Difference, ...]]:
    """The masked exchange, and the differences of `found` with texts that hold no secret."""
    masked = redactor.redact(exchange)
    left, right = (masked.answers.get(side) for side in sides)
    again = compare(left, right, rules, hosts=hosts).differences if left and right else ()
    shown = {(one.kind, one.place): one for one in again}
    return masked, tuple(_told(one, shown.get((one.kind, one.place)), redactor) for one in found.differences)


def _told(one: Difference, shown: Difference | None, redactor: Redactor) -> Difference:
    path, place = (_path(path, redactor) for path in (one.path, one.place))
    left, right = (shown.left, shown.right) if shown else (one.left and PLAIN, one.right and PLAIN)
    return replace(one, path=path, place=place, left=left, right=right)


def _path(path: str, redactor: Redactor) -> str:
    """A path without keys that look like secrets. Names of fields and cookies are none."""
    return path if path.startswith("header:") else MARK.sub("*", redactor.text(path))
