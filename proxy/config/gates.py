"""Single values of `gates`: what must be measured. Each raises Refused."""

import re
from decimal import Decimal

from proxy.config.moving import Bound, GateKind, Limit, Relation
from proxy.config.refused import Refused

LIMIT = r"(>=|<=) *(legacy *[+*] *)?[0-9]{1,9}(\.[0-9]{1,9})?(%|ms|s)?"

_PARTS = re.compile(
    r"(?P<bound>>=|<=|>|<|==?) *(?:(?P<legacy>legacy) *(?P<relation>[+*]) *)?"
    r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,9})?)(?P<unit>%|ms|s|)"
)
_FACTORS = {"": Decimal(1), "%": Decimal("0.01"), "ms": Decimal("0.001"), "s": Decimal(1)}
_UNITS: dict[GateKind, tuple[str, ...]] = {
    GateKind.SAMPLES: ("",),
    GateKind.MATCH_RATE: ("%",),
    GateKind.ERROR_RATE: ("%",),
    GateKind.LATENCY_P95: ("ms", "s"),
    GateKind.CUSTOM: ("", "%", "ms", "s"),
}
_BOUNDS = {
    GateKind.SAMPLES: Bound.AT_LEAST,
    GateKind.MATCH_RATE: Bound.AT_LEAST,
    GateKind.ERROR_RATE: Bound.AT_MOST,
    GateKind.LATENCY_P95: Bound.AT_MOST,
}
_WITH_LEGACY = (GateKind.ERROR_RATE, GateKind.LATENCY_P95)
_EXAMPLES = {
    GateKind.SAMPLES: '">= 500"',
    GateKind.MATCH_RATE: '">= 99.9%"',
    GateKind.ERROR_RATE: '"<= legacy + 0.1%" or "<= 1%"',
    GateKind.LATENCY_P95: '"<= legacy * 1.2" or "<= 300ms"',
    GateKind.CUSTOM: '"<= 5"',
}


class LimitOf:
    """A parser of the limits of one kind of gate."""

    def __init__(self, kind: GateKind) -> None:
        self._kind = kind

    def __call__(self, value: object) -> Limit:
        kind, hint = self._kind, f"such as {_EXAMPLES[self._kind]}"
        found = _PARTS.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None:
            raise Refused(value, "is not a limit: >= or <=, then a number, or legacy + or * a number", hint)
        if found["bound"] not in list(Bound):
            raise Refused(value, f"compares with {found['bound']}; a limit is >= or <=", hint)
        bound, relation = Bound(found["bound"]), Relation(found["relation"] or "")
        if bound is not _BOUNDS.get(kind, bound):
            raise Refused(value, f"is no limit of {kind}: it must be {_BOUNDS[kind]}", hint)
        if relation and kind not in _WITH_LEGACY:
            raise Refused(value, f"compares {kind} with the monolith's, which has none", hint)
        self._check_unit(value, relation, found["unit"])
        number = float(Decimal(found["number"]) * _FACTORS[found["unit"]])
        if kind in (GateKind.MATCH_RATE, GateKind.ERROR_RATE) and relation is not Relation.TIMES and number > 1:
            raise Refused(value, "is above 100%")
        return Limit(bound, number, relation)

    def _check_unit(self, value: object, relation: Relation, unit: str) -> None:
        if relation is Relation.TIMES:
            if unit:
                raise Refused(value, f"multiplies by a number of {unit}", "legacy * 1.2 has no unit")
        elif unit not in _UNITS[self._kind]:
            units = " or ".join(_UNITS[self._kind]) or "no unit"
            raise Refused(value, f"needs {units}" if unit == "" else f"has the unit {unit}, not {units}")


def format_limit(limit: Limit, kind: GateKind) -> str:
    """As the file would say it: `<= legacy + 0.1%`."""
    return f"{limit.bound} " + (f"legacy {limit.relation} " if limit.relation else "") + _number(limit, kind)


def _number(limit: Limit, kind: GateKind) -> str:
    if limit.relation is Relation.TIMES or kind in (GateKind.SAMPLES, GateKind.CUSTOM):
        return f"{limit.number:g}"
    if kind is GateKind.LATENCY_P95:
        return f"{round(limit.number * 1000, 3):g}ms"
    return f"{round(limit.number * 100, 6):g}%"
