"""URLconf, route table and observed traffic, joined: what is asked for, which route claims it, and how far it has come.

A line is a template under one route: the monolith's own pattern where one matches, else the template that was observed.
The claim is the real table's. Whatever is said of time is to the minute, and true since `since` only.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from proxy.config.model import DEFAULT_ROUTE, Route, Snapshot, Stage
from proxy.inventory.observed import Sighting
from proxy.inventory.patterns import Pattern, example_of
from proxy.observability.counters import CODE_CLASSES
from proxy.routing.claim import CompiledRoute
from proxy.routing.head import PlainHead
from proxy.routing.pattern import Path
from proxy.routing.table import RouteTable
from proxy.wire.head import SAFE
from proxy.wire.path_template import NOT_FOUND, OTHER

ANY_METHOD: Final = "GET"  # what is asked of the table for a pattern whose methods nobody knows


@dataclass(slots=True)
class Line:
    """One template under one route. `route` is None where no route claims it; `pattern` where the URLconf has none."""

    template: str
    route: Route | None
    pattern: Pattern | None = None
    methods: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    products: Counter[str] = field(default_factory=Counter)
    first: int | None = None
    last: int | None = None

    @property
    def route_name(self) -> str:
        return self.route.name if self.route else DEFAULT_ROUTE

    @property
    def requests(self) -> int:
        return self.methods.total()

    @property
    def writes(self) -> int:
        return sum(count for method, count in self.methods.items() if method not in SAFE)

    def add(self, sighting: Sighting) -> None:
        self.methods[sighting.key.method] += sighting.requests
        self.products[sighting.key.product] += sighting.requests
        self.classes.update({name: n for name, n in zip(CODE_CLASSES, sighting.classes, strict=True) if n})
        self.first = sighting.first if self.first is None else min(self.first, sighting.first)
        self.last = sighting.last if self.last is None else max(self.last, sighting.last)


@dataclass(frozen=True, slots=True)
class Joined:
    """All lines, most asked for first. `untold` counts requests whose template is not known: by route.

    `has_urlconf`: the monolith's own patterns were there to be joined.
    """

    lines: tuple[Line, ...]
    not_found: Counter[str]  # requests answered 404 for paths that never were anything else, by program
    untold: Counter[str]
    has_urlconf: bool

    @property
    def requests(self) -> int:
        return sum(line.requests for line in self.lines) + self.untold.total()


def join(
    snapshot: Snapshot, table: RouteTable, sightings: Iterable[Sighting], patterns: Sequence[Pattern] | None
) -> Joined:
    """`patterns` is None when nobody says what the monolith offers."""
    compiled = [(pattern, pattern.compiled()) for pattern in patterns or ()]
    lines: dict[tuple[str, str], Line] = {}
    not_found: Counter[str] = Counter()
    untold: Counter[str] = Counter()
    routes = {route.name: route for route in snapshot.routes}
    claims = _Claims(table)
    for sighting in sightings:
        key = sighting.key
        if key.template == NOT_FOUND:
            not_found[key.product] += sighting.requests
        elif key.template == OTHER:
            untold[key.route if key.route in routes else DEFAULT_ROUTE] += sighting.requests
        else:
            route = claims.find(key.template, key.method, key.route)
            _line(lines, route, _pattern_of(key.template, compiled), key.template).add(sighting)
    for pattern in patterns or ():
        for method in pattern.methods or (ANY_METHOD,):
            _line(lines, claims.find(pattern.template, method), pattern, pattern.template)
    ordered = sorted(lines.values(), key=lambda line: (-line.requests, line.template, line.route_name))
    return Joined(tuple(ordered), not_found, untold, patterns is not None)


def _pattern_of(template: str, compiled: Iterable[tuple[Pattern, Path]]) -> Pattern | None:
    """The first that takes such a path, as Django would; one that says the same comes before one that takes more."""
    example = example_of(template)
    found = [pattern for pattern, path in compiled if path.matches(example)]
    exact = (pattern for pattern in found if _shape(pattern.template) == _shape(template))
    return next(exact, found[0] if found else None)


def _shape(template: str) -> list[str]:
    return ["{}" if segment.startswith("{") else segment for segment in template.split("/")]


def _line(lines: dict[tuple[str, str], Line], route: Route | None, pattern: Pattern | None, template: str) -> Line:
    shown = pattern.template if pattern else template
    line = Line(shown, route, pattern)
    return lines.setdefault((shown, line.route_name), line)


class _Claims:
    """Who claims a template. Of a request only method and path are known, so a route that also asks for a host, a field
    or a cookie is believed to have claimed what was counted as its own, where it still could."""

    def __init__(self, table: RouteTable) -> None:
        self._table = table
        self._conditional: dict[str, list[CompiledRoute]] = {}
        for claim in table.ranked:
            if claim.conditions or claim.host.text is not None:
                self._conditional.setdefault(claim.route.name, []).append(claim)

    def find(self, template: str, method: str, counted_as: str = "") -> Route | None:
        example = example_of(template)
        for claim in self._conditional.get(counted_as, ()):
            if (claim.methods is None or method in claim.methods) and claim.path.matches(example):
                return claim.route
        found = self._table.match(PlainHead(method, example))
        return found.route if found else None


def service_share(route: Route | None) -> float:
    """How much of a route has left the monolith."""
    if route is None:
        return 0.0
    if route.stage is Stage.CANARY and route.moving.canary is not None:
        return route.moving.canary.weight
    return 1.0 if route.stage in (Stage.CUTOVER, Stage.RETIRED) else 0.0
