"""What was asked for, counted by route, side, method, template of the path, and program that asked.

A worker's table: cumulative, bounded, written by its requests and read every few seconds. A request like the one before
it on its connection costs one addition. It must never hold a query, a path as it was sent, or what is no word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from proxy.wire.path_template import ANY, NOT_FOUND, OTHER, is_id, template_of
from proxy.wire.product import MAX_PRODUCTS, NONE, product_of

if TYPE_CHECKING:
    from proxy.forwarding.exchange import Exchange
    from proxy.observability.counters import RouteStats
    from proxy.wire.head import RequestHead

MAX_ROWS: Final = 1000
MAX_OTHER_ROWS: Final = 500  # of what found no room among the rows, still by route, side and method
MAX_SIBLINGS: Final = 50  # words in one place of a path; where there are more they are names of things, and no words
MAX_PATHS: Final = 2048  # remembered with their row over all groups, then begun anew
MAX_GROUPS: Final = 1000  # likewise

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Key = tuple[str, str, str, str, str]
"""Route, side, method, template, product."""

_ALL_ELSE: Final[Key] = (OTHER, OTHER, OTHER, OTHER, OTHER)


class Group:
    """Requests alike but for their paths. Rows are found by path, and by the path before an id at its end."""

    __slots__ = ("before_ids", "method", "paths", "product", "stats")

    def __init__(self, stats: RouteStats, method: str, product: str) -> None:
        self.stats = stats
        self.method = method
        self.product = product
        self.paths: dict[str, list[int]] = {}
        self.before_ids: dict[str, list[int]] = {}

    def key(self, template: str) -> Key:
        return (self.stats.route, self.stats.side, self.method, template, self.product)


class Seen:
    """The last request of a connection, and where it was counted."""

    __slots__ = ("classes", "group", "head", "stats")

    def __init__(self, head: RequestHead, group: Group, classes: list[int]) -> None:
        self.head = head
        self.group = group
        self.stats = group.stats
        self.classes = classes


class Traffic:
    """The table of one worker."""

    def __init__(self) -> None:
        self._rows: dict[Key, list[int]] = {}
        self._other: dict[Key, list[int]] = {}
        self._groups: dict[tuple[RouteStats, str, str], Group] = {}
        self._paths = 0  # remembered
        self._remembering: list[dict[str, list[int]]] = []  # where; also of groups that only connections still know
        self._templates: set[str] = set()
        self._children: dict[str, set[str]] = {}  # the words seen below each part of a template
        self._products: set[str] = {NONE}

    def observe(self, exchange: Exchange) -> None:
        """Count an exchange that has ended."""
        seen, head, stats = exchange.origin.seen, exchange.head, exchange.plan.stats
        if seen is not None and seen.stats is stats:
            if seen.head is head:
                seen.classes[exchange.status // 100] += 1
                return
            if seen.head.fields is head.fields:  # then the method is the same, too
                classes = seen.group.paths.get(head.path)
                if classes is not None:
                    seen.head = head
                    seen.classes = classes
                    classes[exchange.status // 100] += 1
                    return
        refused = exchange.plan.decision.side != stats.side  # by us, instead of the side that was to answer
        if not exchange.plan.quiet and not refused:
            self._observe_another(exchange, seen)

    def _observe_another(self, exchange: Exchange, seen: Seen | None) -> None:
        head, stats, status = exchange.head, exchange.plan.stats, exchange.status
        product = product_of(head.fields.raw)
        group = seen.group if seen is not None else None
        if group is None or group.stats is not stats or group.product != product or group.method != head.method:
            group = self._group(stats, head.method, product)
        place, known = head.path, group.paths
        before, _, last = place.rpartition("/")
        if is_id(last):  # then the row is that of any other id there
            place, known = before, group.before_ids
        classes = known.get(place)
        if classes is None:
            classes = self._find(group, template_of(head.path), status)
            if classes is None:
                return
            self._remember(known, place, classes)
        classes[status // 100] += 1
        if seen is not None and seen.group is group:
            seen.head, seen.classes = head, classes
        else:
            exchange.origin.seen = Seen(head, group, classes)

    def _group(self, stats: RouteStats, method: str, product: str) -> Group:
        key = (stats, method if method in METHODS else OTHER, self._admitted(product))
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                self._groups.clear()
            group = self._groups[key] = Group(*key)
        return group

    def _remember(self, known: dict[str, list[int]], place: str, classes: list[int]) -> None:
        if self._paths >= MAX_PATHS:
            for each in self._remembering:
                each.clear()
            self._remembering.clear()
            self._paths = 0
        if not known:
            self._remembering.append(known)
        known[place] = classes
        self._paths += 1

    def _admitted(self, product: str) -> str:
        if product in self._products:
            return product
        if len(self._products) > MAX_PRODUCTS:
            return OTHER
        self._products.add(product)
        return product

    def _find(self, group: Group, template: str, status: int) -> list[int] | None:
        """The row of a request; None for one that was counted here, because its path is not to be remembered."""
        placed = self._placed(template)
        if status == 404 and placed not in self._templates:
            self._take(group.key(NOT_FOUND))[4] += 1
            return None
        if len(self._rows) < MAX_ROWS:
            self._learn(placed)
        return self._take(group.key(placed))

    def _placed(self, template: str) -> str:
        """The template, with `{id}` where a place has too many words already."""
        if template in self._templates:
            return template
        parent = ""
        for segment in template.split("/")[1:]:
            children = self._children.get(parent, ())
            parent += f"/{segment}" if segment in children or len(children) < MAX_SIBLINGS else f"/{ANY}"
        return parent

    def _learn(self, template: str) -> None:
        if template not in self._templates:
            self._templates.add(template)
            parent = ""
            for segment in template.split("/")[1:]:
                self._children.setdefault(parent, set()).add(segment)
                parent += f"/{segment}"

    def _take(self, key: Key) -> list[int]:
        """The counts of that row, or of a wider one when the table is full."""
        found = self._rows.get(key)
        if found is not None:
            return found
        if len(self._rows) < MAX_ROWS:
            return self._rows.setdefault(key, [0] * 6)
        wider = (*key[:3], OTHER, OTHER)
        full = len(self._other) >= MAX_OTHER_ROWS
        return self._other.setdefault(_ALL_ELSE if full and wider not in self._other else wider, [0] * 6)

    @property
    def other(self) -> int:
        """Requests that are counted, but without their template: the table was full."""
        return sum(sum(classes) for classes in self._other.values())

    def export(self) -> list[list[Any]]:
        """Every row since the process began: its key, then the counts of 1xx to 5xx. JSON-able."""
        return [[*key, *classes[1:]] for table in (self._rows, self._other) for key, classes in table.items()]
