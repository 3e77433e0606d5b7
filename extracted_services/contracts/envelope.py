"""Events as they travel: what an event holds, how it is written, and which bytes are not one.

Decides alone whether bytes are an event that this version understands: whoever decodes one may rely on every field.
Says why not in words that never hold a value of the event.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .schemas import compiled
from .shapes import Mismatch

MOST_BYTES = 256 * 1024
MOST_POSITION = 2**53 - 1  # what every JSON reader can hold
SIDES = ("legacy", "service")
ENTITIES = ("order", "payment", "stock", "product")


class BadEvent(Exception):
    """These bytes are no event for us; str() is the reason."""


class Malformed(BadEvent):
    """Not JSON, or not in the shape that its schema says."""


class UnknownVersion(BadEvent):
    """A type, or a version of a type, that this version does not know."""


class Oversized(BadEvent):
    """More than MOST_BYTES."""


class Subject(NamedTuple):
    """What a type of event is about: its topic, the kind of aggregate (None: it tells, and changes nothing), and where
    `data` names the aggregate."""

    entity: str
    kind: str | None
    name_at: tuple[str, ...]


SUBJECTS: Mapping[str, Subject] = {
    **dict.fromkeys(
        (
            "OrderCreated",
            "OrderConfirmed",
            "OrderCancelled",
            "OrderShipped",
            "OrderDelivered",
            "OrderAnswered",
            "OrderCorrected",
        ),
        Subject("order", "order", ("order", "id")),
    ),
    **dict.fromkeys(
        ("PaymentCompleted", "PaymentDeclined", "PaymentRefunded"), Subject("payment", "payment", ("payment", "id"))
    ),
    "StockChanged": Subject("stock", "level", ("level", "sku")),
    **dict.fromkeys(
        ("InventoryReserved", "InventoryCommitted", "InventoryReleased"),
        Subject("stock", "reservation", ("reservation", "id")),
    ),
    "InventoryRejected": Subject("stock", None, ("order_id",)),
    "ProductChanged": Subject("product", "product", ("product", "sku")),
    "ProductRemoved": Subject("product", "product", ("sku",)),
}
REMOVALS = frozenset({"ProductRemoved"})


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one aggregate, with the aggregate's whole state after it (`events/` has the schemas).

    `occurred_at` is aware, and travels in UTC with milliseconds. `position` is dense per origin and entity, None for an
    event that no change wrote (a backfill).
    """

    id: str
    type: str
    schema_version: int
    aggregate_type: str
    aggregate_id: str
    aggregate_version: int
    occurred_at: datetime
    origin: str
    position: int | None
    traceparent: str | None
    data: Mapping[str, Any]

    @property
    def kind(self) -> str | None:
        """order, payment, level, reservation or product; None when the event changes nothing."""
        return SUBJECTS[self.type].kind

    @property
    def removes(self) -> bool:
        """Whether the aggregate is gone after this."""
        return self.type in REMOVALS


def encode(event: Event) -> bytes:
    """Canonical JSON. Raises BadEvent: what nobody could decode must not be sent."""
    raw = canonical(to_document(event))
    if len(raw) > MOST_BYTES:
        raise Oversized(f"{len(raw)} bytes are more than {MOST_BYTES}")
    return raw


def decode(raw: bytes) -> Event:
    """Raises Malformed, UnknownVersion or Oversized."""
    if len(raw) > MOST_BYTES:
        raise Oversized(f"{len(raw)} bytes are more than {MOST_BYTES}")
    return _read(_parse(raw))


def to_document(event: Event) -> dict[str, Any]:
    """The event as a JSON value. Raises BadEvent."""
    if event.occurred_at.tzinfo is None:
        raise Malformed("occurred_at lacks a time zone")
    document = {
        "id": event.id,
        "type": event.type,
        "schema_version": event.schema_version,
        "aggregate_type": event.aggregate_type,
        "aggregate_id": event.aggregate_id,
        "aggregate_version": event.aggregate_version,
        "occurred_at": show_time(event.occurred_at),
        "origin": event.origin,
        "position": event.position,
        "traceparent": event.traceparent,
        "data": dict(event.data),
    }
    _check(document)
    return document


def from_document(document: object) -> Event:
    """The event that a JSON value is. Raises Malformed or UnknownVersion."""
    _refuse_unstorable(document)
    return _read(document)


def _read(document: object) -> Event:
    fields = _check(document)
    try:
        occurred_at = datetime.fromisoformat(fields["occurred_at"])
    except ValueError:
        raise Malformed("occurred_at is not a moment") from None
    return Event(
        id=fields["id"],
        type=fields["type"],
        schema_version=fields["schema_version"],
        aggregate_type=fields["aggregate_type"],
        aggregate_id=fields["aggregate_id"],
        aggregate_version=fields["aggregate_version"],
        occurred_at=occurred_at,
        origin=fields["origin"],
        position=fields["position"],
        traceparent=fields["traceparent"],
        data=fields["data"],
    )


class Traces(NamedTuple):
    """What could be read of bytes that are no event."""

    id: str
    entity: str
    origin: str
    position: int
    aggregate_id: str


def find_traces(raw: bytes) -> Traces | None:
    """Where bytes that decode() refused stand among their origin's events; None when that cannot be read."""
    try:
        match json.loads(raw):
            case {
                "aggregate_type": str(entity),
                "origin": str(origin),
                "position": int(position),
                **others,
            } if entity in ENTITIES and origin in SIDES and position is not True and 0 < position <= MOST_POSITION:
                return Traces(_plain(others.get("id")), entity, origin, position, _plain(others.get("aggregate_id")))
    except (ValueError, RecursionError):
        pass
    return None


def _plain(name: object) -> str:
    """A name that can be stored and shown anywhere; empty when it is none."""
    return name if isinstance(name, str) and len(name) <= 64 and name.isascii() and name.isprintable() else ""


def checksum(data: Mapping[str, Any]) -> str:
    """SHA-256 of an aggregate's state as an event's `data` has it, in hex. The first answer that may travel with the
    state is no part of it."""
    return hashlib.sha256(canonical({name: value for name, value in data.items() if name != "answer"})).hexdigest()


def canonical(value: object) -> bytes:
    """The one way to write a JSON value: sorted keys, no white space, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def show_time(moment: datetime) -> str:
    """UTC with milliseconds, as everywhere in the shop's API."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse(raw: bytes) -> object:
    try:
        document: object = json.loads(raw.decode(), parse_constant=_refuse_constant)
        if b"\\u" in raw:  # only an escape can bring what databases and UTF-8 cannot hold
            _refuse_unstorable(document)
    except (ValueError, RecursionError) as problem:
        where = f" (line {problem.lineno} column {problem.colno})" if isinstance(problem, json.JSONDecodeError) else ""
        raise Malformed(f"is not JSON{where}") from None
    return document


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _refuse_unstorable(value: object) -> None:
    match value:
        case str():
            if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
                raise Malformed("holds a character that is none")
        case list():
            for item in value:
                _refuse_unstorable(item)
        case dict():
            for name, item in value.items():
                _refuse_unstorable(name)
                _refuse_unstorable(item)


def _check(document: object) -> dict[str, Any]:
    """The document, if it is an event of a known type and version, and speaks of one aggregate throughout."""
    try:
        compiled()["envelope"](document)
        assert isinstance(document, dict)
        name, subject = f"{document['type']}.v{document['schema_version']}", SUBJECTS.get(document["type"])
        check_data = compiled().get(name)
        if subject is None or check_data is None:
            raise UnknownVersion(f"{name} is not known here")
        check_data(document["data"])
    except Mismatch as mismatch:
        raise Malformed(str(mismatch)) from None
    named: Any = document["data"]
    for step in subject.name_at:
        named = named[step]
    if (document["aggregate_type"], document["aggregate_id"]) != (subject.entity, named):
        raise Malformed(f"{name} is not about the aggregate that it names")
    if (document["aggregate_version"] > 0) is (subject.kind is None):
        raise Malformed(f"{name} cannot have version {document['aggregate_version']}")
    return document
