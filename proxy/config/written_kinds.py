"""The kinds of values that sections are made of: each a parser, with the schema that an editor shows for it."""

from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from proxy.config import (
    addresses,
    client_key,
    comparing,
    discovery,
    gates,
    http_fields,
    json_path,
    json_value,
    outcomes,
    patterns,
    template,
    values,
)
from proxy.config.compare import Tolerance
from proxy.config.model import AccessLog, Address, Discover, Endpoint, HostHeader, PathPattern, Stage
from proxy.config.moving import GateKind, Limit, OnBreach
from proxy.config.policy import BalanceBy, Conditions, ErrorCondition, Key

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


def _duration(low: timedelta, high: timedelta = values.MAX_DURATION) -> tuple[PlainValidator, WithJsonSchema]:
    return PlainValidator(values.duration(low, high)), _text(values.DURATION + "|0s?")


def _share(low: float, high: float = 1.0) -> tuple[PlainValidator, WithJsonSchema]:
    return PlainValidator(values.share(low, high)), _text(values.SHARE)


def _limit(kind: GateKind) -> tuple[PlainValidator, WithJsonSchema]:
    return PlainValidator(gates.LimitOf(kind)), _text(gates.LIMIT)


Text = Annotated[str, PlainValidator(values.text), _text()]
Name = Annotated[str, PlainValidator(values.name), _text(values.NAME)]
Flag = Annotated[bool, PlainValidator(values.flag), _or_variable({"type": "boolean"})]
Wait = Annotated[timedelta, *_duration(timedelta(0))]
Timeout = Annotated[timedelta, *_duration(timedelta(milliseconds=1))]
Day = Annotated[date, PlainValidator(values.day), _text("[0-9]{4}-[0-9]{2}-[0-9]{2}")]
Interval = Annotated[timedelta, *_duration(timedelta(milliseconds=100), timedelta(days=1))]
Window = Annotated[timedelta, *_duration(timedelta(seconds=1), timedelta(minutes=10))]
Share = Annotated[float, *_share(0)]
ShareAboveZero = Annotated[float, *_share(0.0001)]
HeadSize = Annotated[int, *_size(1024, 1024**2)]
BodySize = Annotated[int, *_size(0)]
PairSize = Annotated[int, *_size(1024, 16 * 1024**2)]
Count = Annotated[int, *_whole(1, 10_000_000)]
Queue = Annotated[int, *_whole(0, 10_000_000)]
Attempts = Annotated[int, *_whole(1, 10)]
InARow = Annotated[int, *_whole(1, 1000)]
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
BalanceChoice = Annotated[
    BalanceBy, PlainValidator(values.choice(BalanceBy, "one of")), _or_variable({"enum": list(BalanceBy)})
]
Condition = Annotated[
    Conditions,
    PlainValidator(outcomes.condition),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(ErrorCondition)},
                {"type": "integer", "minimum": 400, "maximum": 599},
                {"type": "string", "pattern": r"^[45](xx|[0-9]{2})$|\$\{"},
            ]
        }
    ),
]
ConditionList = Annotated[list[Condition], Field(min_length=1)]
StatusRange = Annotated[
    tuple[int, int],
    PlainValidator(outcomes.statuses),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": r"^[1-5](xx|[0-9]{2}( *- *[1-5][0-9]{2})?)$|\$\{"},
            ]
        }
    ),
]
_NAMED_KEY: JsonDict = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
ClientKey = Annotated[
    Key,
    PlainValidator(client_key.client_key),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["ip"]},
                _NAMED_KEY | {"properties": {kind: {"type": "string"} for kind in ("header", "cookie")}},
                _VARIABLE,
            ]
        }
    ),
]
Rate = Annotated[float, PlainValidator(values.rate), _text(values.RATE)]
DiscoverUrl = Annotated[
    Discover,
    PlainValidator(discovery.discover),
    _text(r"[Ss][Rr][Vv]://.+|[Dd][Nn][Ss]://.+:.+|[Ff][Ii][Ll][Ee]:///.+|.+\.ya?ml"),
]
ResolverAddress = Annotated[Address, PlainValidator(discovery.resolver), _text(r".+:[0-9]{1,5}")]
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
HealthPath = Annotated[str, PlainValidator(patterns.probe_path), _text("/[^?#]*")]
RewrittenPath = Annotated[str, PlainValidator(patterns.rewrite_path), _text("/.*")]
RewrittenPrefix = Annotated[str, PlainValidator(patterns.rewrite_prefix), _text("/.*")]
Method = Annotated[str, PlainValidator(http_fields.method), _text(http_fields.TOKEN)]
SafeMethod = Annotated[
    str, PlainValidator(http_fields.safe_method), _or_variable({"enum": list(http_fields.SAFE_METHODS)})
]
MatchedHeader = Annotated[str, PlainValidator(http_fields.matched_header), _text(http_fields.TOKEN)]
CookieName = Annotated[str, PlainValidator(http_fields.header_name), _text(http_fields.TOKEN)]
QueryKey = Annotated[str, PlainValidator(http_fields.query_key), _text()]
MatchedValue = Annotated[str, PlainValidator(http_fields.matched_value), _text()]
EditedHeader = Annotated[str, PlainValidator(http_fields.edited_header), _text(http_fields.TOKEN)]
HeaderValue = Annotated[str, PlainValidator(http_fields.header_value), _text()]
Upgrade = Annotated[str, PlainValidator(http_fields.upgrade), _text()]
PartName = Annotated[str, PlainValidator(values.part_name), _text(values.PART_NAME)]
PartTarget = Annotated[str, PlainValidator(template.part_target), _text("/.*")]
JsonValue = Annotated[object, PlainValidator(json_value.json_value), WithJsonSchema({})]
ComparedPath = Annotated[str, PlainValidator(json_path.json_path), _text(r"\$.*")]
ComparedHeader = Annotated[str, PlainValidator(http_fields.header_name), _text(http_fields.TOKEN)]
IgnoredHeader = Annotated[
    str, PlainValidator(http_fields.ignored_header), _text(f"{http_fields.TOKEN}(:{http_fields.TOKEN})?")
]
Selector = Annotated[str, PlainValidator(comparing.selector), _text()]
MaskExpression = Annotated[str, PlainValidator(patterns.regex), _text()]
Status = Annotated[int, *_whole(100, 599)]
ToleratedDistance = Annotated[
    Tolerance,
    PlainValidator(comparing.tolerance),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": f"^{values.SHARE}$|\\$\\{{"},
            ]
        }
    ),
]
OnBreachChoice = Annotated[
    OnBreach, PlainValidator(values.choice(OnBreach, "one of")), _or_variable({"enum": list(OnBreach)})
]
SampleLimit = Annotated[Limit, *_limit(GateKind.SAMPLES)]
MatchLimit = Annotated[Limit, *_limit(GateKind.MATCH_RATE)]
ErrorLimit = Annotated[Limit, *_limit(GateKind.ERROR_RATE)]
LatencyLimit = Annotated[Limit, *_limit(GateKind.LATENCY_P95)]
CustomLimit = Annotated[Limit, *_limit(GateKind.CUSTOM)]
HookUrl = Annotated[str, PlainValidator(addresses.http_url), _text(r"[Hh][Tt][Tt][Pp][Ss]?://.+")]
StickyValue = Annotated[str, PlainValidator(http_fields.matched_value), _text()]
SyncPath = Annotated[str, PlainValidator(patterns.probe_path), _text("/[^?#]*")]
Reference = Annotated[str, PlainValidator(http_fields.reference), _text()]


class Section(BaseModel):
    """A mapping with a fixed set of keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True)

    @classmethod
    def fields_by_key(cls) -> dict[str, FieldInfo]:
        """Its fields, by the keys that are written for them."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    @classmethod
    def keys(cls) -> list[str]:
        return list(cls.fields_by_key())


def shared(default: Any) -> Any:
    """A default that every section is given as it is; pydantic would copy it deeply for each route."""
    return Field(default_factory=lambda: default)


def in_bytes(default: int) -> Any:
    return Field(default, json_schema_extra={"default": values.format_size(default)})


def in_percent(default: float) -> Any:
    return Field(default, json_schema_extra={"default": values.format_share(default)})


def conditions(default: Conditions) -> Any:
    """A list of conditions that stands for `default` when the key is left out."""
    written: list[Any] = [*outcomes.format_conditions(default)]
    return Field(default_factory=lambda: [default], json_schema_extra={"default": written})
