"""Finding the first claim on a path without asking every route.

Exact paths are looked up whole; templates and prefixes are walked segment by segment in a trie; regexes are asked all
at once; what fits a path is remembered. The order is that of rank, and a claim that turns out not to hold gives way to
the next. The cost grows with the segments of a request's path, never with the number of routes that do not share them.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from proxy.config.model import PathKind
from proxy.routing.claim import CompiledRoute
from proxy.routing.expression import Expressions
from proxy.routing.head import Head

Claims = tuple[CompiledRoute, ...]

MAX_REMEMBERED = 2048
LONGEST_REMEMBERED = 256
"""Paths asked for again and again are few; when so many are remembered, or one is so long, it is worked out anew."""


class _Node:
    """A point in the trie, reached by a sequence of segments. Claims are in rank order."""

    __slots__ = ("below", "chain", "ends", "literals", "whole", "wild")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.wild: _Node | None = None  # by way of a `{name}`
        self.ends: Claims = ()  # templates that end here
        self.below: Claims = ()  # prefixes of which this is the literal part
        self.chain: Claims = ()  # `below` of this node, then of its parent, up to the root
        self.whole: Claims = ()  # `ends`, then `chain`

    def child(self, segment: str | None) -> "_Node":
        if segment is not None:
            return self.literals.setdefault(segment, _Node())
        if self.wild is None:
            self.wild = _Node()
        return self.wild

    def children(self) -> "list[_Node]":
        return [*self.literals.values(), *([self.wild] if self.wild is not None else [])]


class PathIndex:
    """The claims that share a priority and a host condition, given in rank order."""

    __slots__ = ("_exact", "_expressions", "_regexes", "_root", "_seen", "_splits")

    def __init__(self, claims: Iterable[CompiledRoute]) -> None:
        exact: dict[str, Claims] = defaultdict(tuple)
        root = _Node()
        regexes: list[CompiledRoute] = []
        for claim in claims:
            kind = claim.path.kind
            if kind is PathKind.EXACT:
                exact[claim.path.text] += (claim,)
            elif kind is PathKind.REGEX:
                regexes.append(claim)
            else:
                _plant(root, claim)
        self._exact = dict(exact)
        self._seen: dict[str, Claims] = {}
        self._root = root
        self._splits = _settle(root) + 1  # what stands deeper than any pattern is left in one piece
        self._regexes = tuple(regexes)
        self._expressions = Expressions([claim.path.text for claim in regexes])

    @property
    def remembered(self) -> int:
        """How many paths are known without a walk; at most `MAX_REMEMBERED`."""
        return len(self._seen)

    def match(self, head: Head, method: str, path: str) -> CompiledRoute | None:
        """The first claim that holds. `method` and `path` are the head's."""
        claims = self._seen.get(path)
        if claims is None:
            claims = self._candidates(path)
        for claim in claims:
            methods = claim.methods
            if (methods is None or method in methods) and (claim.admits is None or claim.admits(head)):
                return claim
        return None

    def _candidates(self, path: str) -> Claims:
        """All claims whose path fits, in rank order. What was found is remembered for the next request."""
        segments = path.split("/", self._splits)
        if segments[0]:
            return ()  # not a path: `OPTIONS *`
        claims = (
            *self._exact.get(path, ()),
            *self._walk(segments),
            *[self._regexes[index] for index in self._expressions.match(path)],
        )
        if len(path) <= LONGEST_REMEMBERED:
            if len(self._seen) >= MAX_REMEMBERED:
                self._seen.clear()
            self._seen[path] = claims
        return claims

    def _walk(self, segments: list[str]) -> Sequence[CompiledRoute]:
        """Templates and prefixes that fit, in rank order."""
        node = self._root
        walk = iter(segments)
        next(walk)  # what stands before the first slash
        for segment in walk:
            child = node.literals.get(segment)
            if node.wild is not None and segment:
                if child is not None:
                    return _spread(self._root, segments)
                child = node.wild
            if child is None:
                return node.chain
            node = child
        return node.whole


def _plant(root: _Node, claim: CompiledRoute) -> None:
    node = root
    for segment in claim.path.segments:
        node = node.child(segment)
    if claim.path.kind is PathKind.TEMPLATE:
        node.ends += (claim,)
    else:
        node.below += (claim,)


def _settle(root: _Node) -> int:
    """Works out every node's chains, from the root down; gives the depth of the trie."""
    depth = 0
    level: list[tuple[_Node, Claims]] = [(root, ())]
    while True:
        below: list[tuple[_Node, Claims]] = []
        for node, above in level:
            node.chain = node.below + above
            node.whole = node.ends + node.chain
            below += [(child, node.chain) for child in node.children()]
        if not below:
            return depth
        depth, level = depth + 1, below


def _spread(root: _Node, segments: list[str]) -> list[CompiledRoute]:
    """The walk where a literal and a `{name}` both fit: all nodes of a level side by side, leftmost literal first.

    A node is visited at most once, so no path makes this cost more than the trie has nodes.
    """
    level = [root]
    prefixes: list[Claims] = []  # shallowest first
    for segment in segments[1:]:
        prefixes.append(tuple(claim for node in level for claim in node.below))
        level = [child for node in level for child in _children(node, segment)]
    ends = [claim for node in level for claim in node.ends]
    prefixes.append(tuple(claim for node in level for claim in node.below))
    return ends + [claim for claims in reversed(prefixes) for claim in claims]


def _children(node: _Node, segment: str) -> Iterable[_Node]:
    literal = node.literals.get(segment)
    if literal is not None:
        yield literal
    if node.wild is not None and segment:
        yield node.wild
