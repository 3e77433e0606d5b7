"""Why every other route did not get a request: how far it came, and what stopped it.

Asks the compiled matches what they say of a head; decides nothing, and never repeats what the request's headers say.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from proxy.routing.claim import CompiledRoute
from proxy.routing.head import Head
from proxy.routing.table import RouteTable


@dataclass(frozen=True, slots=True)
class Rival:
    """A route that did not get the request. `near` is whether it came close enough for a person to wonder."""

    route: str
    why: str
    near: bool


def find_rivals(table: RouteTable, head: Head, winner: CompiledRoute | None) -> tuple[Rival, ...]:
    """One for each other route, speaking of the match that came closest."""
    closest: dict[str, tuple[int, str]] = {}
    for claim in table.ranked:
        if winner is None or claim.route is not winner.route:
            met, why = _why_not(claim, head, winner)
            if met > closest.get(claim.route.name, (-1, ""))[0]:
                closest[claim.route.name] = (met, why)
    return tuple(Rival(route, why, near=met > _FAR) for route, (met, why) in closest.items())


_FAR = 1  # conditions met (none, or the host alone) by a route that nobody would have expected to get the request


def _why_not(claim: CompiledRoute, head: Head, winner: CompiledRoute | None) -> tuple[int, str]:
    """How many steps of the match were passed, and what stopped it."""
    if not claim.host.matches(head.host):
        return 0, f"host differs: {claim.host.text}"
    if not claim.path.matches(head.path):
        near = _near_miss(claim, head)
        return (2, near) if near else (1, f"path differs: {claim.path.text}")
    if claim.methods is not None and head.method not in claim.methods:
        return 3, _method_differs(claim, head.method)
    failed = next((condition for condition in claim.conditions if not condition.holds(head)), None)
    if failed is not None:
        return 4, failed.failure(head)
    if winner is None:
        raise AssertionError(f"{claim} claims the request, and the index did not find it")
    return 5, "ranks lower: " + _outranked(claim, winner)


def _near_miss(claim: CompiledRoute, head: Head) -> str | None:
    """What small change of the request's path would have satisfied the route."""
    path = head.path
    changes: tuple[tuple[str, Callable[[], str]], ...] = (
        ("by the slash at its end", lambda: path.rstrip("/") if path.endswith("/") else path + "/"),
        ("in upper and lower case", path.lower),
        ("by a doubled slash", lambda: "/".join(["", *filter(None, path.split("/"))])),
    )
    for said, change in changes:
        changed = change()
        if changed != path and claim.path.matches(changed):
            return f"path differs only {said}: {claim.path.text}"
    return None


def _method_differs(claim: CompiledRoute, method: str) -> str:
    listed = ", ".join(claim.match.methods)
    if method == "HEAD" and "GET" in claim.match.methods:
        return f"method HEAD is not listed ({listed}), and another route names HEAD for this path"
    return f"method {method} is not listed ({listed})"


def _outranked(loser: CompiledRoute, winner: CompiledRoute) -> str:
    """The first step of the order at which the two differ."""
    return next(_steps(loser, winner))


def _steps(loser: CompiledRoute, winner: CompiledRoute) -> Iterator[str]:
    low, high = loser.rank, winner.rank
    if low.priority != high.priority:
        yield f"priority {winner.route.priority} stands above {loser.route.priority}"
    if low.host != high.host:
        yield f"host {winner.host.text} is more exact than {loser.host.text or 'any host'}"
    if loser.path.kind is not winner.path.kind:
        yield f"{_named(winner)} stands before {_named(loser)}"
    if len(loser.path.segments) != len(winner.path.segments):
        yield f"{winner.path.text} is a longer prefix than {loser.path.text}"
    if low.path != high.path:
        yield f"{winner.path.text} has a literal further left than {loser.path.text}"
    if low.method != high.method:
        yield f"{winner.route.name} names the method"
    if low.headers != high.headers:
        yield f"{winner.route.name} has more conditions on headers ({-high.headers} to {-low.headers})"
    if low.queries != high.queries:
        yield f"{winner.route.name} has more conditions on the query ({-high.queries} to {-low.queries})"
    yield f"{winner.route.name} stands earlier in the file"


def _named(claim: CompiledRoute) -> str:
    kind = claim.path.kind.value
    return f"{'an' if kind == 'exact' else 'a'} {kind}{' path' if kind == 'exact' else ''} ({claim.path.text})"
