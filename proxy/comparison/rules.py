"""The rules of a route's comparison, compiled once: what does not count, and what is taken out before it is looked at.

A rule that ignores, masks or tolerates holds for what its path selects and for all beneath it; one about order for the
arrays it selects. Rules whose last day has passed are left out here: `today` comes from the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Final, TypeAlias

import re2

from proxy.comparison.path import Paths, State
from proxy.config.compare import DEFAULT_COMPARE, Compare, Tolerance
from proxy.config.json_path import parse_path
from proxy.routing.expression import compile_expression

MASKED: Final = "***"
MAX_NUMBER: Final = 100  # characters of a number that is compared by its value

_ARITHMETIC: Final = Context(prec=MAX_NUMBER, traps=[])  # no number raises: what overflows is no number, and not close


@dataclass(frozen=True, slots=True)
class Within:
    """How far apart two numbers may be."""

    tolerance: Tolerance

    def close(self, left: str, right: str) -> bool:
        """Whether two written numbers are as near to each other as that."""
        if len(left) > MAX_NUMBER or len(right) > MAX_NUMBER:
            return False
        one, other = _ARITHMETIC.create_decimal(left), _ARITHMETIC.create_decimal(right)
        allowed = Decimal(str(self.tolerance.absolute or self.tolerance.relative or 0))
        if self.tolerance.relative is not None:
            larger = max(_ARITHMETIC.abs(one), _ARITHMETIC.abs(other)) if _finite(one, other) else one
            allowed = _ARITHMETIC.multiply(allowed, larger)
        distance = _ARITHMETIC.abs(_ARITHMETIC.subtract(one, other))
        return _finite(distance, allowed) and distance <= allowed


def _finite(*numbers: Decimal) -> bool:
    return all(number.is_finite() for number in numbers)


@dataclass(frozen=True, slots=True)
class Treatment:
    """What the rules say of one value."""

    ignored: bool = False
    unordered: bool = False
    within: Within | None = None
    masks: tuple[re2._Regexp, ...] = ()

    def masked(self, text: str) -> str:
        """The text without what the masks match; RE2 takes time linear in it."""
        if self.masks:
            text = text.encode("utf-8", "backslashreplace").decode()  # RE2 reads no half of a surrogate pair
        for mask in self.masks:
            text = mask.sub(MASKED, text)
        return text


PLAIN: Final = Treatment()

_Act: TypeAlias = "str | Within | re2._Regexp"


Place = State[Treatment]
"""Where a walk is, as far as the rules care."""


class Rules:
    """Compiled rules. Immutable but for the states of its paths, which are made when a walk first needs them."""

    def __init__(self, compare: Compare, today: date) -> None:
        """Raises Refused or ValueError for paths and masks that routes.yaml would have refused."""
        ignored = [rule for rule in compare.ignore if rule.holds(today)]
        acts: list[tuple[str, _Act]] = [(rule.path, "ignore") for rule in ignored if rule.path is not None]
        acts += [(path, "unordered") for path in compare.unordered]
        acts += [(path, Within(tolerance)) for path, tolerance in compare.tolerance.items()]
        acts += [(path, compile_expression(mask)) for path, mask in compare.mask.items()]
        self._acts = tuple(act for _, act in acts)
        self.start: Place = Paths([parse_path(path) for path, _ in acts], self._treat).start
        self.ignored_headers = frozenset(rule.header.lower() for rule in ignored if rule.header is not None)
        self.ignored_elements = tuple(rule.css for rule in ignored if rule.css is not None)
        self.headers = {name.lower(): name for name in compare.headers}
        self.equal_status = compare.equal_status
        self.null_is_missing = compare.null_is_missing

    def _treat(self, here: frozenset[int], reach: frozenset[int]) -> Treatment:
        if not reach:
            return PLAIN
        acts = [self._acts[number] for number in sorted(reach)]
        withins = [act for act in acts if isinstance(act, Within)]
        return Treatment(
            ignored="ignore" in acts,
            unordered=any(self._acts[number] == "unordered" for number in here),
            within=withins[-1] if withins else None,
            masks=tuple(act for act in acts if not isinstance(act, str | Within)),
        )


def compile_rules(compare: Compare = DEFAULT_COMPARE, *, today: date) -> Rules:
    """What `compare` follows. Raises Refused or ValueError for what routes.yaml would have refused."""
    return Rules(compare, today)
