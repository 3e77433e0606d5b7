"""What may still ask the monolith for a route that has left it, though no client's request goes there by itself.

Read from the file alone. Code of the monolith may be deleted when nothing is left here and nothing was observed.
"""

from collections.abc import Iterator

from proxy.config.model import Route, Snapshot, Stage
from proxy.inventory.patterns import example_of
from proxy.routing.head import PlainHead
from proxy.routing.mirror import is_mirrored
from proxy.routing.table import RouteTable


def ties(snapshot: Snapshot, table: RouteTable, route: Route) -> list[str]:
    """Each in a few words; none where the monolith's code for this route is of no use to the proxy any more."""
    return list(dict.fromkeys(_ties(snapshot, table, route)))


def _ties(snapshot: Snapshot, table: RouteTable, route: Route) -> Iterator[str]:
    if route.stage not in (Stage.CUTOVER, Stage.RETIRED):
        yield f"it is at {route.stage.value}"
    if route.stage is Stage.CUTOVER and route.fallback is not None:
        yield "fallback"
    if route.stage is Stage.CUTOVER and is_mirrored(route):
        yield "copies that are compared"
    if route.stage is not Stage.RETIRED and snapshot.listen.trusted_callers:
        yield "trusted callers, who may choose it"
    for other in snapshot.routes:
        for part in other.aggregate:
            path = example_of(part.get.partition("?")[0])
            claim = table.match(PlainHead("GET", path))
            if part.upstream == snapshot.legacy and claim is not None and claim.route is route:
                yield f"part {part.name} of {other.name}"
