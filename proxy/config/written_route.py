"""A route as a user writes it: which requests, who answers them, and how far the move has come."""

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from proxy.config.model import Respond, Stage
from proxy.config.moving import DEFAULT_MOVING
from proxy.config.policy import Fallback, RateLimit
from proxy.config.written_compare import CompareSection, ShadowSection
from proxy.config.written_kinds import (
    BodySize,
    ClientKey,
    ConditionList,
    CookieName,
    Count,
    Day,
    EditedHeader,
    Flag,
    HeaderValue,
    HostName,
    JsonValue,
    MatchedHeader,
    MatchedValue,
    Method,
    Name,
    OnBreachChoice,
    PartName,
    PartTarget,
    Path,
    Priority,
    QueryKey,
    Rate,
    Reference,
    Regex,
    RetiredStatus,
    RewrittenPath,
    RewrittenPrefix,
    SafeMethod,
    Section,
    ShareAboveZero,
    StageName,
    Text,
    Timeout,
    Upgrade,
    Wait,
    conditions,
    in_percent,
    shared,
)
from proxy.config.written_moving import CanarySection, GatesSection, HandoverSection, HooksSection, WritesSection

MAX_PARTS = 16


def _long_value(value: object) -> object:
    return value if isinstance(value, dict | list) else {"exact": value}


class ValueSection(Section):
    exact: MatchedValue | None = None
    """The value, letter by letter; the same as writing the value alone."""
    regex: Regex | None = None
    """RE2 expression that must match the whole value."""
    present: Flag | None = None
    """true: there with any value; false: not there."""


Value = Annotated[ValueSection, BeforeValidator(_long_value, json_schema_input_type=str | ValueSection)]


def _long_match(value: object) -> object:
    """`GET,HEAD /path` or `/path` as a mapping."""
    if not isinstance(value, str):
        return value
    if value.startswith("/"):  # a path with a space in it is told about the space, not about a method
        return {"path": value}
    methods, _, path = value.rpartition(" ")
    given = [method.strip() for method in methods.split(",")]
    return {"methods": given, "path": path} if methods else {"path": path}


class MatchSection(Section):
    path: Path | None = None
    """Path pattern: /a/b, /a/{id}, /a/** or { regex: … }."""
    host: HostName | None = None
    """Host, or *.example.com for every name below it. Ports do not matter."""
    methods: Annotated[list[Method], Field(min_length=1)] = shared([])
    """Methods; GET takes HEAD with it unless another route names HEAD."""
    headers: dict[MatchedHeader, Value] = shared({})
    """Headers that must be there: a value, { regex: … } or { present: true }."""
    query: dict[QueryKey, Value] = shared({})
    """Query parameters that must be there."""
    cookies: dict[CookieName, Value] = shared({})
    """Cookies that must be there."""


Match = Annotated[MatchSection, BeforeValidator(_long_match, json_schema_input_type=str | MatchSection)]


def _list_of_matches(value: object) -> object:
    return value if isinstance(value, list) else [value]


class RewriteSection(Section):
    path: RewrittenPath | None = None
    """New path for the service; {name} takes what the pattern's {name} took."""
    prefix: RewrittenPrefix | None = None
    """New text for the part of the path before /**."""


class HeaderEditsSection(Section):
    set: dict[EditedHeader, HeaderValue] = shared({})
    """Headers to put in place of any of that name."""
    add: dict[EditedHeader, HeaderValue] = shared({})
    """Headers to put beside those of that name."""
    remove: list[EditedHeader] = shared([])
    """Headers to take out."""


class HeadersSection(Section):
    request: HeaderEditsSection = shared(HeaderEditsSection())
    """Edits to what the service is sent."""
    response: HeaderEditsSection = shared(HeaderEditsSection())
    """Edits to what the service answered."""


class RespondSection(Section):
    status: RetiredStatus = Respond().status
    """410 (gone), 404, or a redirect: 301, 302, 307, 308."""
    deprecated: Day | None = None
    """Since when the route is deprecated: Deprecation header (RFC 9745)."""
    sunset: Day | None = None
    """When the route ends: Sunset header (RFC 8594)."""
    see: Reference | None = None
    """Its successor: Location of a redirect, else a Link with rel="successor-version"."""


class RouteLimitsSection(Section):
    body: BodySize | None = None
    """Largest request body on this route."""


class FallbackSection(Section):
    on: ConditionList = conditions(Fallback().on)
    """What the service may come to for the monolith to answer instead. What it is not even asked always counts."""
    methods: Annotated[list[SafeMethod], Field(min_length=1)] = Field(
        default_factory=lambda: list(Fallback().methods), json_schema_extra={"default": [*Fallback().methods]}
    )
    """Which methods: safe ones only. A write never falls back."""
    budget: ShareAboveZero = in_percent(Fallback().budget)
    """Fallbacks in 10 s, as a share of the route's requests in that time; 10 a second are always allowed."""


class RateLimitSection(Section):
    rate: Rate
    """Requests of one client: 50/s, 300/m or 1000/h, all workers together (429 above it)."""
    burst: Count | None = None
    """Requests at once, after a time without any; without it, what the rate allows in a second, and one at least."""
    key: ClientKey = RateLimit(1, 1).key
    """What a client is: ip, { header: X } or { cookie: X }."""


def _long_rate_limit(value: object) -> object:
    return value if isinstance(value, dict | list) else {"rate": value}


class PartSection(Section):
    upstream: Name = Field(alias="from")
    """Upstream that is asked."""
    get: PartTarget
    """Path and query it is asked for: {name} is a segment of the route's path, {query.name} a value of its query."""
    required: Flag = False
    """Without this part there is no answer; else a part that fails is its default."""
    timeout: Timeout | None = None
    """How long this part may take; without it, what its upstream may."""
    default: JsonValue = None
    """Any JSON value, in the place of a part that failed; without it, null."""


class RouteSection(Section):
    name: Name
    """Name of the route in logs, metrics and commands."""
    match: Annotated[
        list[Match],
        BeforeValidator(_list_of_matches, json_schema_input_type=str | MatchSection | list[str | MatchSection]),
        Field(min_length=1),
    ]
    """Which requests: "GET,POST /path", "/path", a mapping of conditions, or a list of those (any of them)."""
    to: Name | None = None
    """Upstream the route is moving to."""
    stage: StageName = Stage.LEGACY
    """Who answers: at legacy and shadow the monolith, at canary both, at cutover the service, at retired neither."""
    priority: Priority = 0
    """Higher goes before the computed order; needed only to break it."""
    rewrite: RewriteSection | None = None
    """What the service gets instead of the client's path. The monolith always gets what the client sent."""
    headers: HeadersSection = shared(HeadersSection())
    """Header edits on the service's side."""
    respond: RespondSection | None = None
    """The answer of a retired route."""
    upgrades: list[Upgrade] = shared([])
    """Upgrade tokens to let through beside websocket."""
    limits: RouteLimitsSection = shared(RouteLimitsSection())
    """Limits that go before listen.limits."""
    fallback: FallbackSection | None = None
    """Let the monolith answer when the service cannot; {} for the defaults."""
    rate_limit: (
        Annotated[RateLimitSection, BeforeValidator(_long_rate_limit, json_schema_input_type=Rate | RateLimitSection)]
        | None
    ) = None
    """How often one client may come: 50/s, or a mapping."""
    aggregate: Annotated[dict[PartName, PartSection], Field(min_length=1, max_length=MAX_PARTS)] | None = None
    """One JSON answer composed of several, each under its name; instead of `to`."""
    shadow: ShadowSection | None = None
    """Copies of requests to the side that does not answer; at cutover that is the monolith. {} for the defaults."""
    compare: CompareSection | None = None
    """How this route's two sides are compared; ignore and unordered add to the defaults, the rest replaces them."""
    canary: CanarySection | None = None
    """Which users the service answers at stage canary."""
    writes: WritesSection | None = None
    """What its requests change. Every route that writes says so; such a route moves by handover, never by canary."""
    gates: GatesSection | None = None
    """What must hold before the route moves on; adds to the defaults'."""
    on_breach: OnBreachChoice = DEFAULT_MOVING.on_breach
    """What happens when a gate is certainly broken: rollback, pause or alert."""
    hooks: HooksSection = shared(HooksSection())
    """Who is asked before a rollout's next step, and told of its rollbacks."""
    pin: Wait = DEFAULT_MOVING.pin
    """How long after a write its user stays with the side that took it; 0s: not at all."""
    handover: HandoverSection = shared(HandoverSection())
    """How the writing of entities moves."""
    group: Name | None = None
    """Routes of one group move together."""
    owner: Text | None = None
    """Who to ask about this route."""

    @model_validator(mode="before")
    @classmethod
    def _stage_of_an_aggregate(cls, given: object) -> object:
        """The monolith has, as a rule, no such answer: a composed one is served from the day it is written."""
        if isinstance(given, dict) and "aggregate" in given:
            return {"stage": Stage.CUTOVER.value} | given
        return given
