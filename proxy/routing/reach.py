"""Which matches can never win, because others, asked before them, take every request they could get.

A match is blamed only when that is certain: where two patterns cannot be compared (two regexes, say), it is not.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from proxy.config.errors import Problem
from proxy.config.model import PathKind, Snapshot
from proxy.config.place import Place
from proxy.routing.claim import CompiledRoute
from proxy.routing.table import RouteTable


def unreachable(snapshot: Snapshot, table: RouteTable) -> Iterator[Problem]:
    """Matches that other matches, asked earlier, leave nothing for."""
    by_route: dict[str, list[tuple[CompiledRoute, tuple[str, ...]]]] = defaultdict(list)
    for claim, takers in covered(table.ranked):
        by_route[claim.route.name].append((claim, takers))
    for name, found in by_route.items():
        route = found[0][0].route
        whole = len(found) == len(route.matches)
        takers = tuple(dict.fromkeys(taker for _, names in found for taker in names if taker != name))
        if whole and takers:
            yield warning(
                route.place,
                f"route {name} can never be reached: {_quote(takers)} {_takes(takers)} every request it matches",
                _reach_hint(found[0][0], len(takers)),
            )
            continue
        for claim, names in found:
            yield warning(
                claim.match.place or route.place,
                f"this match of route {name} adds nothing: {_quote(names)} {_takes(names)} every request it matches",
                "leave it out",
            )


def covered(ranked: tuple[CompiledRoute, ...]) -> Iterator[tuple[CompiledRoute, tuple[str, ...]]]:
    """Matches that cannot win, each with the routes that take what it asks for."""
    earlier = _Earlier()
    for claim in ranked:
        takers = _takers(claim, earlier.comparable(claim))
        if takers:
            yield claim, takers
        earlier.add(claim)


class _Earlier:
    """Claims by the segments of their paths, so that a long table is not compared each with each."""

    def __init__(self) -> None:
        self._root = _Node([], {})
        self._regexes: list[CompiledRoute] = []

    def add(self, claim: CompiledRoute) -> None:
        if claim.path.kind is PathKind.REGEX:
            self._regexes.append(claim)
            return
        node = self._root
        for segment in claim.path.segments:
            node = node.children.setdefault(segment, _Node([], {}))
        node.claims.append(claim)

    def comparable(self, claim: CompiledRoute) -> list[CompiledRoute]:
        """In rank order, all those whose path may cover the claim's."""
        level, found = [self._root], [*self._root.claims, *self._regexes]
        for segment in claim.path.segments:
            ways = {segment, None}
            level = [node.children[way] for node in level for way in ways if way in node.children]
            found += [one for node in level for one in node.claims]
        return sorted(found, key=lambda one: one.rank)


class _Node(NamedTuple):
    claims: list[CompiledRoute]
    children: "dict[str | None, _Node]"


def _takers(claim: CompiledRoute, earlier: list[CompiledRoute]) -> tuple[str, ...]:
    """The routes among `earlier` that together take everything `claim` matches; none if something is left."""
    left = claim.methods
    names: list[str] = []
    for one in earlier:
        if left is not None and one.methods is not None and not left & one.methods:
            continue
        if left is None and one.methods is not None:
            continue  # a list of methods never exhausts all methods
        if not _asks_no_more(one, claim):
            continue
        names.append(one.route.name)
        if one.methods is None or left is None:
            return tuple(dict.fromkeys(names))
        left -= one.methods
        if not left:
            return tuple(dict.fromkeys(names))
    return ()


def _asks_no_more(wide: CompiledRoute, narrow: CompiledRoute) -> bool:
    """Whether, methods aside, every request that `narrow` matches is matched by `wide`."""
    return (
        wide.host.covers(narrow.host)
        and wide.path.covers(narrow.path)
        and all(any(one.implied_by(other) for other in narrow.conditions) for one in wide.conditions)
    )


def _reach_hint(claim: CompiledRoute, takers: int) -> str:
    if claim.path.kind is PathKind.REGEX:
        return "a regex is asked after every other kind of path; give the route a priority above theirs"
    return f"narrow the other route{'s' if takers > 1 else ''}, give this one a priority, or remove it"


def warning(place: Place | None, message: str, hint: str) -> Problem:
    return Problem(place, message, hint, "warning")


def _takes(names: Sequence[str]) -> str:
    return "takes" if len(names) == 1 else "take"


def _quote(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
