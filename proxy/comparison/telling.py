"""What may be told of a pair whose answers differ: the exchange without its secrets, and each difference likewise.

Answers are compared as they are, so that two tokens that differ are seen to; their texts are never shown. What is shown
comes from a second comparison, of the masked answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    return masked, in_words_of(again, found.differences, lambda path: shown_path(path, redactor))


def in_words_of(
    masked: Iterable[Difference], found: Iterable[Difference], show: Callable[[str], str]
) -> tuple[Difference, ...]:
    """Each difference that was found with the texts of the masked answers; what is not there is a secret as a whole.

    `show` gives the form in which a path is shown.
    """
    words = {(one.kind, one.place): one for one in masked}
    return tuple(_told(one, words.get((one.kind, one.place)), show) for one in found)


def shown_path(path: str, redactor: Redactor) -> str:
    """A path without keys that look like secrets. Names of fields and cookies are none."""
    return path if path.startswith("header:") else MARK.sub("*", redactor.text(path))


def _told(one: Difference, words: Difference | None, show: Callable[[str], str]) -> Difference:
    left, right = (words.left, words.right) if words else (one.left and PLAIN, one.right and PLAIN)
    return replace(one, path=show(one.path), place=show(one.place), left=left, right=right)
