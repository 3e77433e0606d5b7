"""What to extract next, and how far the migration is: arithmetic on joined lines, stated in docs/moving.md.

    score = share of all requests * ease * health

`ease` is 1 for what is only read, 0.5 for a write whose entities no other route writes, 0.25 for any other write;
`health` is 1 - 10 * share of 5xx answers, and never below 0: what fails today is first repaired, then moved.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proxy.config.model import DEFAULT_ROUTE, Route, Stage
from proxy.inventory.join import Joined, Line, service_share

READS, OWN_WRITES, SHARED_WRITES = 1.0, 0.5, 0.25
ERRORS_COUNT = 10.0  # a route that fails one time in ten is not moved


@dataclass(frozen=True, slots=True)
class Candidate:
    """What could be extracted: a route at legacy, or a template that no route claims yet."""

    route: str  # DEFAULT_ROUTE for a template without one
    template: str | None
    score: float
    share: float
    requests: int
    ease: float
    errors: float  # share of 5xx
    why: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How much has left the monolith, of how many. Shares are None where there is nothing to take a share of."""

    routes: int
    routes_moved: float
    requests: int
    requests_moved: float
    writes: int
    writes_moved: float


def candidates(joined: Joined, routes: Sequence[Route]) -> list[Candidate]:
    """Best first. Nothing that was never asked for."""
    groups: dict[tuple[str, str | None], list[Line]] = {}
    for line in joined.lines:
        if line.requests and (line.route is None or line.route.stage is Stage.LEGACY):
            key = (line.route_name, None) if line.route else (DEFAULT_ROUTE, line.template)
            groups.setdefault(key, []).append(line)
    writers = Counter(entity for route in routes if route.moving.writes for entity in route.moving.writes.entities)
    found = [_candidate(key, lines, writers, joined.requests) for key, lines in groups.items()]
    return sorted(found, key=lambda each: (-each.score, -each.requests, each.route, each.template or ""))


def _candidate(key: tuple[str, str | None], lines: Sequence[Line], writers: Counter[str], total: int) -> Candidate:
    requests = sum(line.requests for line in lines)
    failed = sum(line.classes["5xx"] for line in lines)
    ease, why = _ease(lines[0].route, sum(line.writes for line in lines), writers)
    errors = failed / requests
    health = max(0.0, 1 - ERRORS_COUNT * errors)
    if failed:
        why += f"; {errors:.1%} of the answers are errors"
    return Candidate(*key, requests / total * ease * health, requests / total, requests, ease, errors, why)


def _ease(route: Route | None, writes: int, writers: Counter[str]) -> tuple[float, str]:
    declared = route.moving.writes.entities if route is not None and route.moving.writes is not None else ()
    if not writes and not declared:
        return READS, "only read"
    if not declared:
        return SHARED_WRITES, "writes, and does not say what (writes: { entities: [...] })"
    shared = [entity for entity in declared if writers[entity] > 1]
    if shared:
        return SHARED_WRITES, f"writes {', '.join(shared)}, as other routes do: they move together"
    return OWN_WRITES, f"writes {', '.join(declared)}, and nobody else does"


def progress(joined: Joined, routes: Sequence[Route]) -> Progress:
    """Shares are by where each route stands now, whoever answered when the requests were counted."""
    by_name = {route.name: route for route in routes}
    untold = ((by_name.get(name), count) for name, count in joined.untold.items())
    asked = [*((line.route, line.requests) for line in joined.lines), *untold]
    written = [(line.route, line.writes) for line in joined.lines]
    return Progress(
        routes=len(routes),
        routes_moved=sum(map(service_share, routes)),
        requests=sum(count for _, count in asked),
        requests_moved=_moved(asked),
        writes=sum(count for _, count in written),
        writes_moved=_moved(written),
    )


def _moved(counted: Iterable[tuple[Route | None, int]]) -> float:
    return sum(service_share(route) * count for route, count in counted)
