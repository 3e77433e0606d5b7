"""What was asked for, counted by route, side, method, template of the path, and program that asked.

A worker's table: cumulative, bounded, written by its requests and read every few seconds. A request like the one before
it on its connection costs one addition. It must never hold a query, a path as it was sent, or what is no word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from proxy.wire.path_template import ANY, template_of
from proxy.wire.product import NONE, product_of

if TYPE_CHECKING:
    from proxy.forwarding.exchange import Exchange
    from proxy.observability.counters import RouteStats
    from proxy.wire.head import RequestHead

MAX_ROWS: Final = 1000
MAX_OTHER_ROWS: Final = 500  # of what found no room among the rows, still by route, side and method
MAX_PRODUCTS: Final = 50
MAX_SIBLINGS: Final = 50  # words in one place of a path; where there are more they are names of things, and no words
MAX_PATHS: Final = 2048  # remembered with their row, then begun anew

OTHER: Final = "other"
NOT_FOUND: Final = "(not found)"
"""In the place of a template that was only ever answered 404, so that those who guess paths fill no table."""

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Key = tuple[str, str, str, str, str]
"""Route, side, method, template, product."""

_ALL_ELSE: Final[Key] = (OTHER, OTHER, OTHER, OTHER, OTHER)


class Seen:
    """The last request of a connection, where it was counted, and by whom it was sent."""

    __slots__ = ("classes", "head", "product", "stats")

    def __init__(self, head: RequestHead, stats: RouteStats, classes: list[int], product: str) -> None:
        self.head = head
        self.stats = stats
        self.classes = classes
        self.product = product


class Traffic:
    """The table of one worker."""

    def __init__(self) -> None:
        self._rows: dict[Key, list[int]] = {}
        self._other: dict[Key, list[int]] = {}
        self._paths: dict[tuple[RouteStats, str, str, str], list[int]] = {}
        self._templates: set[str] = set()
        self._children: dict[str, set[str]] = {}  # the words seen below each part of a template
        self._products: set[str] = {NONE}

    def observe(self, exchange: Exchange) -> None:
        """Count an exchange that has ended."""
        seen = exchange.origin.seen
        if seen is not None and seen.head is exchange.head and seen.stats is exchange.plan.stats:
            seen.classes[exchange.status // 100] += 1
        elif not exchange.plan.quiet:
            self._observe_another(exchange, seen)

    def _observe_another(self, exchange: Exchange, seen: Seen | None) -> None:
        head, stats, status = exchange.head, exchange.plan.stats, exchange.status
        same = seen is not None and seen.head.fields is head.fields
        product = seen.product if same and seen is not None else self._admitted(product_of(head.fields.raw))
        path = (stats, head.method, head.path, product)
        classes = self._paths.get(path)
        if classes is None:
            classes = self._row(stats, head, product, status)
            if classes is None:
                return
            if len(self._paths) >= MAX_PATHS:
                self._paths.clear()
            self._paths[path] = classes
        classes[status // 100] += 1
        exchange.origin.seen = Seen(head, stats, classes, product)

    def _admitted(self, product: str) -> str:
        if product in self._products:
            return product
        if len(self._products) > MAX_PRODUCTS:
            return OTHER
        self._products.add(product)
        return product

    def _row(self, stats: RouteStats, head: RequestHead, product: str, status: int) -> list[int] | None:
        """The row of a request; None for one that was counted here, because its path is not to be remembered."""
        method = head.method if head.method in METHODS else OTHER
        template = self._placed(template_of(head.path))
        if status == 404 and template not in self._templates:
            self._take((stats.route, stats.side, method, NOT_FOUND, product))[4] += 1
            return None
        if len(self._rows) < MAX_ROWS:
            self._learn(template)
        return self._take((stats.route, stats.side, method, template, product))

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
