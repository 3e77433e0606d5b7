"""Which route a request takes, to where, and why every other route did not get it.

The answer comes from the functions that decide real requests (`match`, `decide`); here they are only asked, and the
network is never touched. What a request's headers say is never repeated: an explanation may be shown to others.
"""

from dataclasses import asdict, dataclass
from typing import Any

from proxy.config.compare import WRITES
from proxy.config.model import DiscoverKind, Snapshot, Upstream
from proxy.config.outcomes import format_conditions
from proxy.routing.claim import CompiledRoute
from proxy.routing.composition import compile_target
from proxy.routing.decision import Decision, Reason, Side, decide
from proxy.routing.head import Head
from proxy.routing.mirror import copied_as
from proxy.routing.reserved import is_internal
from proxy.routing.rivals import Rival, find_rivals
from proxy.routing.split import Split, User, UserKind, choose, read_user
from proxy.routing.table import RouteTable


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client is told when nothing is forwarded."""

    status: int
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a composed answer. `url` is None where endpoints stand in a file of their own."""

    name: str
    upstream: str
    url: str | None
    required: bool


@dataclass(frozen=True, slots=True)
class Substitute:
    """Who answers instead when the service fails, and in which ways it may."""

    upstream: str
    url: str | None
    on: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Copied:
    """Where copies of such requests go, only to be compared, and which share; `why_not` when none of this one does."""

    upstream: str
    url: str | None
    sample: float
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Divided:
    """How users are divided between two sides, at canary. The service answers buckets below `below`.

    `told_by` is what told who the user is; never who that is. URLs are None as in `Part`.
    """

    weight: float
    below: int
    salt: str
    told_by: UserKind
    named: bool  # by the route's `sticky`
    service: str | None
    service_url: str | None
    legacy: str
    legacy_url: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision for one request and its reasons. `route` and `reason` are None when no route was even asked.

    `url` is what an upstream would be asked for: its first endpoint, when it has several; None where they stand in a
    file of their own. A composed answer has no upstream, and `parts`. `lost` is in the order in which routes are asked.
    """

    route: str | None
    side: Side
    reason: Reason | None
    upstream: str | None
    url: str | None
    bucket: int | None
    answer: Answer | None
    fallback: Substitute | None
    shadow: Copied | None
    divided: Divided | None
    parts: tuple[Part, ...]
    lost: tuple[Rival, ...]
    claim: CompiledRoute | None

    def as_json(self) -> dict[str, Any]:
        """Plain data; `answer` is null when the request is forwarded."""
        answer = self.answer
        return {
            "route": self.route,
            "side": self.side.value,
            "reason": self.reason.value if self.reason else None,
            "upstream": self.upstream,
            "url": self.url,
            "bucket": self.bucket,
            "answer": {"status": answer.status, "location": answer.location} if answer else None,
            "fallback": _plain(self.fallback) if self.fallback else None,
            "shadow": _plain(self.shadow) if self.shadow else None,
            "canary": _plain(self.divided) if self.divided else None,
            "parts": [_plain(part) for part in self.parts],
            "lost": [{"route": rival.route, "why": rival.why} for rival in self.lost],
        }


def explain(
    table: RouteTable, snapshot: Snapshot, head: Head, override: Side | None = None, address: str = "127.0.0.1"
) -> Explanation:
    """What would become of `head`, were it a request of the client at `address`.

    `override` is the side a trusted caller asked for. Pins are not looked at: only the running server can read them.
    """
    if is_internal(head.path):
        return Explanation(None, Side.NONE, None, None, None, None, Answer(404), None, None, None, (), (), None)
    claim = table.match(head)
    decision, bucket, divided = decide(claim, snapshot.legacy, override), None, None
    if claim is not None and claim.split is not None:
        user = read_user(claim.split, head, address)
        decision, bucket = choose(claim.split, claim.decisions, user, override, None)
        divided = _divided(snapshot, head, claim, claim.split, user)
    return Explanation(
        route=decision.route,
        side=decision.side,
        reason=decision.reason,
        upstream=decision.upstream,
        url=_url(snapshot, head, claim, decision),
        bucket=bucket,
        answer=_answer(claim, decision),
        fallback=_fallback(snapshot, head, claim, decision),
        shadow=_shadow(snapshot, head, claim, decision),
        divided=divided,
        parts=_parts(snapshot, head, claim, decision),
        lost=find_rivals(table, head, claim),
        claim=claim,
    )


def _divided(snapshot: Snapshot, head: Head, claim: CompiledRoute, split: Split, user: User) -> Divided:
    service = claim.decisions.to_service
    return Divided(
        weight=split.weight,
        below=split.below,
        salt=split.salt,
        told_by=user.kind,
        named=user.named,
        service=service.upstream,
        service_url=_url(snapshot, head, claim, service),
        legacy=snapshot.legacy,
        legacy_url=_url(snapshot, head, claim, claim.decisions.to_legacy),
    )


def _plain(one: Part | Substitute | Copied | Divided) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(one).items()}


def _url(snapshot: Snapshot, head: Head, claim: CompiledRoute | None, decision: Decision) -> str | None:
    if decision.upstream is None:
        return None
    rewrite = claim.rewrite if claim and decision.rewrites else None
    return _at(snapshot.upstreams[decision.upstream], _target(head, rewrite(head.path) if rewrite else head.path))


def _target(head: Head, path: str) -> str:
    return (path if path != "*" else "") + (f"?{head.query}" if head.query else "")


def _at(upstream: Upstream, target: str) -> str | None:
    found = upstream.discover
    if found is None:
        return upstream.endpoints[0].url + target
    if found.kind is DiscoverKind.FILE:
        return None
    return f"{found.scheme}://{found.name}" + (f":{found.port}" if found.port else "") + target


def _fallback(snapshot: Snapshot, head: Head, claim: CompiledRoute | None, decision: Decision) -> Substitute | None:
    fallback = claim.route.fallback if claim and decision.side is Side.SERVICE else None
    if fallback is None or head.method not in fallback.methods:
        return None
    url = _at(snapshot.upstreams[snapshot.legacy], _target(head, head.path))
    return Substitute(snapshot.legacy, url, tuple(format_conditions(fallback.on)))


def _shadow(snapshot: Snapshot, head: Head, claim: CompiledRoute | None, decision: Decision) -> Copied | None:
    copied = copied_as(claim.route, claim.decisions, decision.side) if claim else None
    if claim is None or claim.route.shadow is None or copied is None or copied.upstream is None:
        return None
    shadow, why_not = claim.route.shadow, None
    if decision.reason is Reason.OVERRIDE:
        why_not = "a side was asked for"
    elif head.method not in shadow.methods:
        why_not = f"{head.method} may change something" if head.method in WRITES else f"{head.method} is never copied"
    return Copied(copied.upstream, _url(snapshot, head, claim, copied), shadow.sample, why_not)


def _parts(snapshot: Snapshot, head: Head, claim: CompiledRoute | None, decision: Decision) -> tuple[Part, ...]:
    if claim is None or decision.side is not Side.SERVICE:
        return ()
    return tuple(
        Part(
            part.name,
            part.upstream,
            _at(snapshot.upstreams[part.upstream], compile_target(part.get, claim.path)(head.path, head.query)),
            part.required,
        )
        for part in claim.route.aggregate
    )


def _answer(claim: CompiledRoute | None, decision: Decision) -> Answer | None:
    if claim is None or decision.side is not Side.NONE:
        return None
    respond = claim.route.respond
    return Answer(respond.status, respond.see if 300 <= respond.status < 400 else None)
