"""routes.yaml as it may be written: one class a section, one field a key, with the sentence an editor shows for it.

Defaults are those of the model, never repeated. Short forms are made long before a section is read. Rules that need
two keys are in `rules`. Nothing outside this package sees these types.
"""

from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.config import JsonDict

from proxy.config import addresses, http_fields, patterns, values
from proxy.config.model import (
    AccessLog,
    Address,
    Endpoint,
    HostHeader,
    Limits,
    Listen,
    PathPattern,
    Respond,
    Stage,
    Timeouts,
    UpstreamTls,
)

_VARIABLE: JsonDict = {"type": "string", "pattern": r"\$\{"}


def _text(pattern: str | None = None) -> WithJsonSchema:
    if pattern is None:
        return WithJsonSchema({"type": "string"})
    return WithJsonSchema({"type": "string", "anyOf": [{"pattern": f"^({pattern})$"}, {"pattern": r"\$\{"}]})


def _or_variable(schema: JsonDict) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [schema, _VARIABLE]})


def _size(low: int, high: int = values.MAX_SIZE) -> tuple[PlainValidator, WithJsonSchema]:
    schema: JsonDict = {"anyOf": [{"type": "string", "pattern": f"^{values.SIZE}$|\\$\\{{"}, {"type": "integer"}]}
    return PlainValidator(values.size(low, high)), WithJsonSchema(schema)


def _whole(low: int, high: int) -> tuple[PlainValidator, WithJsonSchema]:
    schema: JsonDict = {"type": "integer", "minimum": low, "maximum": high}
    return PlainValidator(values.whole(low, high)), _or_variable(schema)


def _duration(low: timedelta) -> tuple[PlainValidator, WithJsonSchema]:
    return PlainValidator(values.duration(low)), _text(values.DURATION + "|0s?")


Text = Annotated[str, PlainValidator(values.text), _text()]
Name = Annotated[str, PlainValidator(values.name), _text(values.NAME)]
Flag = Annotated[bool, PlainValidator(values.flag), _or_variable({"type": "boolean"})]
Wait = Annotated[timedelta, *_duration(timedelta(0))]
Timeout = Annotated[timedelta, *_duration(timedelta(milliseconds=1))]
Day = Annotated[date, PlainValidator(values.day), _text("[0-9]{4}-[0-9]{2}-[0-9]{2}")]
HeadSize = Annotated[int, *_size(1024, 1024**2)]
BodySize = Annotated[int, *_size(0)]
Count = Annotated[int, *_whole(1, 10_000_000)]
Priority = Annotated[int, *_whole(-1_000_000, 1_000_000)]
Version = Annotated[
    int, PlainValidator(values.one_of([1], "a version that this release reads")), WithJsonSchema({"const": 1})
]
RetiredStatus = Annotated[
    int,
    PlainValidator(values.one_of([410, 404, 301, 302, 307, 308], "a status of a retired route")),
    _or_variable({"enum": [410, 404, 301, 302, 307, 308]}),
]
StageName = Annotated[Stage, PlainValidator(values.choice(Stage, "a stage")), _or_variable({"enum": list(Stage)})]
HostChoice = Annotated[
    HostHeader, PlainValidator(values.choice(HostHeader, "one of")), _or_variable({"enum": list(HostHeader)})
]
AccessLogChoice = Annotated[
    AccessLog, PlainValidator(values.choice(AccessLog, "one of")), _or_variable({"enum": list(AccessLog)})
]
ListenAddress = Annotated[Address, PlainValidator(addresses.address), _text(r".+:[0-9]{1,5}")]
Network = Annotated[str, PlainValidator(addresses.network), _text()]
Url = Annotated[Endpoint, PlainValidator(addresses.endpoint), _text(r"[Hh][Tt][Tt][Pp][Ss]?://[^?#@]+")]
HostName = Annotated[str, PlainValidator(addresses.host_pattern), _text()]
Regex = Annotated[str, PlainValidator(patterns.regex), _text()]
Path = Annotated[
    PathPattern,
    PlainValidator(patterns.path_pattern),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^/|\$\{"},
                {
                    "type": "object",
                    "properties": {"regex": {"type": "string", "description": "RE2; must match the whole path."}},
                    "required": ["regex"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
RewrittenPath = Annotated[str, PlainValidator(patterns.rewrite_path), _text("/.*")]
RewrittenPrefix = Annotated[str, PlainValidator(patterns.rewrite_prefix), _text("/.*")]
Method = Annotated[str, PlainValidator(http_fields.method), _text(http_fields.TOKEN)]
MatchedHeader = Annotated[str, PlainValidator(http_fields.matched_header), _text(http_fields.TOKEN)]
CookieName = Annotated[str, PlainValidator(http_fields.header_name), _text(http_fields.TOKEN)]
QueryKey = Annotated[str, PlainValidator(http_fields.query_key), _text()]
MatchedValue = Annotated[str, PlainValidator(http_fields.matched_value), _text()]
EditedHeader = Annotated[str, PlainValidator(http_fields.edited_header), _text(http_fields.TOKEN)]
HeaderValue = Annotated[str, PlainValidator(http_fields.header_value), _text()]
Upgrade = Annotated[str, PlainValidator(http_fields.upgrade), _text()]
Reference = Annotated[str, PlainValidator(http_fields.reference), _text()]


class Section(BaseModel):
    """A mapping with a fixed set of keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True)


def _shared(default: Any) -> Any:
    """A default that every section is given as it is; pydantic would copy it deeply for each route."""
    return Field(default_factory=lambda: default)


def _in_bytes(default: int) -> Any:
    return Field(default, json_schema_extra={"default": values.format_size(default)})


class LimitsSection(Section):
    head: HeadSize = _in_bytes(Limits().head_bytes)
    """Largest request head: request line and header lines together (431 above it)."""
    body: BodySize = _in_bytes(Limits().body_bytes)
    """Largest request body (413 above it); a route's own limits.body goes before it."""
    head_timeout: Timeout = Limits().head_timeout
    """Time from the first byte of a request head to its last (408)."""
    idle_timeout: Timeout = Limits().idle_timeout
    """How long a client's connection may stay open without a request."""
    connections: Count = Limits().connections
    """Client connections at one time, all workers together (503 above it)."""


class ListenTlsSection(Section):
    certificate: Text
    """PEM file with the certificate and its chain."""
    key: Text
    """PEM file with the private key."""


class ListenSection(Section):
    public: ListenAddress = Listen().public
    """host:port for users."""
    console: ListenAddress = Listen().console
    """host:port for operators: admin API, /metrics, /livez, /readyz."""
    trusted_proxies: list[Network] = _shared([])
    """Networks whose X-Forwarded-* headers are believed and extended; from all others they are replaced."""
    trusted_callers: list[Network] = _shared([])
    """Networks of clients that may choose a side with X-Strangler-Side and are told the decision."""
    tls: ListenTlsSection | None = None
    """Serve HTTPS on the public address."""
    limits: LimitsSection = _shared(LimitsSection())
    """What one client, and all together, may take."""
    allow_encoded_slash: Flag = Listen().allow_encoded_slash
    """Let %2F in a path through undecoded, instead of refusing it with 400."""
    drain_delay: Wait = Listen().drain_delay
    """On shutdown, how long /readyz says 503 before the proxy stops accepting."""
    drain_timeout: Wait = Listen().drain_timeout
    """On shutdown, how long requests in flight may take to end."""
    stream_drain: Wait = Listen().stream_drain
    """After a route changed sides, how long its WebSockets and event streams may stay on the side they began on."""


class TimeoutSection(Section):
    connect: Timeout = Timeouts().connect
    """Time to connect, TLS included (504)."""
    response: Timeout = Timeouts().response
    """Time from the request's last byte to the response's head (504)."""
    idle: Timeout = Timeouts().idle
    """Longest silence within a body or a stream."""


def _long_timeout(value: object) -> object:
    return value if isinstance(value, dict | list) else {"response": value}


class UpstreamTlsSection(Section):
    ca: Text | None = None
    """PEM file of the authorities to trust; without it, the system's."""
    verify: Flag = UpstreamTls().verify
    """Check the upstream's certificate. Turn it off for a test, never for a network."""
    server_name: HostName | None = None
    """Name to ask for and to check, when it is not the URL's host."""


class UpstreamSection(Section):
    url: Url | None = None
    """Address of the one endpoint. A path in it is put before the request's path."""
    targets: Annotated[list[Url], Field(min_length=1)] | None = None
    """Addresses of several endpoints, asked in turn; instead of url."""
    timeout: Annotated[
        TimeoutSection, BeforeValidator(_long_timeout, json_schema_input_type=Timeout | TimeoutSection)
    ] = _shared(TimeoutSection())
    """How long this upstream may take; one duration alone is timeout.response."""
    tls: UpstreamTlsSection | None = None
    """How an https upstream is verified."""
    host: HostChoice = HostHeader.KEEP
    """Which Host header it gets: the client's (keep) or its own authority (upstream)."""


class DefaultsSection(Section):
    legacy: Name
    """Upstream that answers every request no route claims: the monolith."""


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
    methods: Annotated[list[Method], Field(min_length=1)] = _shared([])
    """Methods; GET takes HEAD with it unless another route names HEAD."""
    headers: dict[MatchedHeader, Value] = _shared({})
    """Headers that must be there: a value, { regex: … } or { present: true }."""
    query: dict[QueryKey, Value] = _shared({})
    """Query parameters that must be there."""
    cookies: dict[CookieName, Value] = _shared({})
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
    set: dict[EditedHeader, HeaderValue] = _shared({})
    """Headers to put in place of any of that name."""
    add: dict[EditedHeader, HeaderValue] = _shared({})
    """Headers to put beside those of that name."""
    remove: list[EditedHeader] = _shared([])
    """Headers to take out."""


class HeadersSection(Section):
    request: HeaderEditsSection = _shared(HeaderEditsSection())
    """Edits to what the service is sent."""
    response: HeaderEditsSection = _shared(HeaderEditsSection())
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
    """Who answers: legacy (the monolith), cutover (the service), retired (neither)."""
    priority: Priority = 0
    """Higher goes before the computed order; needed only to break it."""
    rewrite: RewriteSection | None = None
    """What the service gets instead of the client's path. The monolith always gets what the client sent."""
    headers: HeadersSection = _shared(HeadersSection())
    """Header edits on the service's side."""
    respond: RespondSection | None = None
    """The answer of a retired route."""
    upgrades: list[Upgrade] = _shared([])
    """Upgrade tokens to let through beside websocket."""
    limits: RouteLimitsSection = _shared(RouteLimitsSection())
    """Limits that go before listen.limits."""
    group: Name | None = None
    """Routes of one group move together."""
    owner: Text | None = None
    """Who to ask about this route."""


class LogSection(Section):
    access: AccessLogChoice = AccessLog.ERRORS
    """Which requests leave a line: every one, those that failed, none."""


class FileSection(Section):
    """The table of a strangler-fig proxy: which requests the monolith answers, and which a service."""

    version: Version
    """Version of this format: 1."""
    listen: ListenSection = _shared(ListenSection())
    """Where the proxy serves, whom it believes, how it stops."""
    upstreams: Annotated[dict[Name, UpstreamSection], Field(min_length=1)]
    """The monolith and the services, by name."""
    defaults: DefaultsSection
    """What holds where nothing else is said."""
    routes: list[RouteSection] = _shared([])
    """The routes; what none of them claims goes to the monolith."""
    log: LogSection = _shared(LogSection())
    """What is logged."""
    state: Text = ".strangler"
    """Folder for what the proxy keeps: the console's token. Relative to this file."""
