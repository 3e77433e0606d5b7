"""The route table as a list that people and programs read: every match in the order in which it is asked.

Values that a condition compares with are shown only where they are not likely to be credentials.
"""

from dataclasses import dataclass
from typing import Any

from proxy.routing.claim import CompiledRoute
from proxy.routing.decision import Decision, Side
from proxy.routing.mirror import copied_as
from proxy.routing.table import RouteTable


@dataclass(frozen=True, slots=True)
class Listed:
    """One match of a route. `rank` counts from 1; `methods` is what it takes (HEAD with GET), None for any.

    At canary `side`, `upstream` and `shadow` are those of the users whom the weight reaches, `weight` their share.
    """

    rank: int
    route: str
    host: str | None
    path: str
    kind: str
    methods: tuple[str, ...] | None
    conditions: tuple[str, ...]
    priority: int
    stage: str
    weight: float | None
    side: Side
    upstream: str | None
    shadow: str | None  # upstream that gets copies, whose answers are only compared
    parts: tuple[str, ...]  # upstreams of a composed answer, in its order, each once
    status: int | None  # of the answer that is ours; None where an upstream answers
    owner: str | None
    group: str | None
    place: str | None
    request: str  # the match as it would be read aloud

    def as_json(self) -> dict[str, Any]:
        """Plain data, without the text made for people."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "request"}
        methods = self.methods and list(self.methods)
        return fields | {"methods": methods, "conditions": list(self.conditions), "parts": list(self.parts)}


def list_routes(table: RouteTable) -> tuple[Listed, ...]:
    """Every match of every route, the one asked first at the top."""
    return tuple(_list(rank, claim) for rank, claim in enumerate(table.ranked, 1))


def _list(rank: int, claim: CompiledRoute) -> Listed:
    route, split = claim.route, claim.split
    decision = claim.decisions.split.reached if claim.decisions.split else claim.decisions.normal
    copied = copied_as(route, claim.decisions, decision.side)
    place = claim.match.place or route.place
    return Listed(
        rank=rank,
        route=route.name,
        host=claim.host.text,
        path=claim.path.text,
        kind=claim.path.kind.value,
        methods=None if claim.methods is None else tuple(sorted(claim.methods)),
        conditions=tuple(map(str, claim.conditions)),
        priority=route.priority,
        stage=route.stage.value,
        weight=split.weight if split else None,
        side=decision.side,
        upstream=decision.upstream,
        shadow=copied.upstream if copied else None,
        parts=tuple(dict.fromkeys(part.upstream for part in route.aggregate)) if _is_composed(decision) else (),
        status=route.respond.status if decision.side is Side.NONE else None,
        owner=route.owner,
        group=route.group,
        place=str(place) if place else None,
        request=describe(claim),
    )


def _is_composed(decision: Decision) -> bool:
    return decision.side is Side.SERVICE and decision.upstream is None


def describe(claim: CompiledRoute) -> str:
    """A match as it would be read aloud: `GET /api/stock/** on *.example.com if header X-Beta is "yes"`."""
    methods = ",".join(claim.match.methods) + " " if claim.match.methods else ""
    path = f"regex {claim.path.text}" if claim.path.expression else claim.path.text
    host = f" on {claim.host.text}" if claim.host.text else ""
    conditions = " and ".join(map(str, claim.conditions))
    return f"{methods}{path}{host}" + (f" if {conditions}" if conditions else "")
