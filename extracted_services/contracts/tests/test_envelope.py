import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from extracted_services.contracts.envelope import (
    MOST_BYTES,
    SUBJECTS,
    BadEvent,
    Malformed,
    Oversized,
    Traces,
    UnknownVersion,
    canonical,
    checksum,
    decode,
    encode,
    find_traces,
    from_document,
)
from extracted_services.contracts.schemas import load_schemas
from extracted_services.contracts.tests.examples import ANSWER, ID, ORDER, OTHER_ID, make_event


def changed_by(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(encode(make_event()))
    change(document)
    return canonical(document)


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_type_of_event_comes_back_as_it_was_sent(name: str) -> None:
    event = make_event(name)

    assert decode(encode(event)) == event


def test_every_schema_has_a_subject_and_every_subject_a_schema() -> None:
    types = {name.partition(".")[0] for name in load_schemas()}

    assert types == {*SUBJECTS, "envelope", "shapes"}


def test_an_event_is_written_in_one_way_only() -> None:
    raw = encode(make_event())

    assert raw == json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert "København".encode() in raw


def test_moments_travel_in_utc_with_milliseconds() -> None:
    summer = timezone(timedelta(hours=2))
    event = make_event(occurred_at=datetime(2026, 7, 1, 12, 0, 0, 123999, tzinfo=summer))

    assert json.loads(encode(event))["occurred_at"] == "2026-07-01T10:00:00.123Z"


def test_a_moment_without_a_zone_is_not_sent() -> None:
    with pytest.raises(Malformed, match="time zone"):
        encode(make_event(occurred_at=datetime(2026, 7, 1)))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "is not JSON (line 1 column 1)"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"position":' + b"9" * 5000 + b"}", "is not JSON"),
        (b'{"position": NaN}', "is not JSON"),
        (b"[]", "must be an object"),
        (changed_by(lambda e: e.pop("origin")), "lacks origin"),
        (changed_by(lambda e: e.update(origin="elsewhere")), "origin must be one of legacy, service"),
        (changed_by(lambda e: e.update(position=0)), "position must be at least 1"),
        (changed_by(lambda e: e.update(position=True)), "position must be a whole number"),
        (changed_by(lambda e: e.update(position=2**53)), "position must be at most 9007199254740991"),
        (changed_by(lambda e: e.update(traceparent="00")), "traceparent is not written as it must be"),
        (changed_by(lambda e: e.update(id=ID + "\n")), "id is not written as it must be"),
        (changed_by(lambda e: e.update(occurred_at="2026-13-01T09:30:00.000Z")), "occurred_at is not a moment"),
        (changed_by(lambda e: e["data"]["order"].pop("total")), "data.order lacks total"),
        (
            changed_by(lambda e: e["data"]["order"]["lines"][0].update(quantity=0)),
            "data.order.lines[0].quantity must be at least 1",
        ),
        (
            changed_by(lambda e: e["data"].update(card_reference="4242424242424242")),
            "data.card_reference is not written as it must be",
        ),
        (
            changed_by(lambda e: e.update(aggregate_id=OTHER_ID)),
            "OrderConfirmed.v1 is not about the aggregate that it names",
        ),
        (
            changed_by(lambda e: e.update(aggregate_type="payment")),
            "OrderConfirmed.v1 is not about the aggregate that it names",
        ),
        (changed_by(lambda e: e.update(aggregate_version=0)), "OrderConfirmed.v1 cannot have version 0"),
        (
            encode(make_event()).replace(b'"Stoneware mug', b'"\\u0000Stoneware mug'),
            "holds a character that is none",
        ),
        (
            encode(make_event()).replace(b'"Stoneware mug', b'"\\ud800Stoneware mug'),
            "holds a character that is none",
        ),
    ],
)
def test_malformed_bytes_are_refused_with_the_place_and_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as refusal:
        decode(raw)

    assert str(refusal.value) == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "OrderSplit"}, "OrderSplit.v1 is not known here"),
        ({"schema_version": 2}, "OrderConfirmed.v2 is not known here"),
        ({"type": "shapes"}, None),
        ({"type": "Envelope"}, "Envelope.v1 is not known here"),
    ],
)
def test_types_and_versions_that_are_not_known_are_told_apart_from_errors(
    change: dict[str, Any], reason: str | None
) -> None:
    with pytest.raises(BadEvent) as refusal:
        decode(changed_by(lambda event: event.update(change)))

    if reason is not None:
        assert isinstance(refusal.value, UnknownVersion)
        assert str(refusal.value) == reason


def test_more_than_the_limit_is_neither_sent_nor_read() -> None:
    long = make_event("ProductChanged")
    data = {"product": long.data["product"] | {"description": "x" * MOST_BYTES}}

    with pytest.raises(Oversized):
        encode(make_event("ProductChanged", data=data))
    with pytest.raises(Oversized, match="262145 bytes are more than 262144"):
        decode(b" " * (MOST_BYTES + 1))


def test_members_that_are_not_known_are_left_alone() -> None:
    event = decode(changed_by(lambda e: (e.update(later=1), e["data"]["order"].update(gift=True))))

    assert event.data["order"]["gift"] is True


def test_an_imported_document_may_not_hold_what_cannot_be_stored() -> None:
    document = json.loads(encode(make_event()))
    document["data"]["order"]["lines"][0]["name"] = "a\0b"

    with pytest.raises(Malformed):
        from_document(document)


def test_a_reason_never_shows_a_value() -> None:
    raw = changed_by(lambda e: e["data"].update(card_reference="4242424242424242"))

    with pytest.raises(Malformed) as refusal:
        decode(raw)
    assert "4242" not in str(refusal.value)


def test_the_place_of_a_bad_event_can_often_still_be_read() -> None:
    bad = changed_by(lambda e: e.update(data=None))

    assert find_traces(bad) == Traces(OTHER_ID, "order", "legacy", 7, ID)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[1]",
        b"[" * 100_000,
        changed_by(lambda e: e.update(position=None)),
        changed_by(lambda e: e.update(position=2**70)),
        changed_by(lambda e: e.update(aggregate_type="cart")),
        changed_by(lambda e: e.update(origin=["legacy"])),
    ],
)
def test_bytes_that_do_not_say_where_they_stand_leave_no_traces(raw: bytes) -> None:
    assert find_traces(raw) is None


def test_traces_hold_only_what_can_be_stored() -> None:
    bad = changed_by(lambda e: e.update(id="a\0b", aggregate_id="x" * 65))

    assert find_traces(bad) == Traces("", "order", "legacy", 7, "")


def test_a_checksum_is_of_the_state_and_not_of_the_answer() -> None:
    state = {"order": ORDER, "history": []}

    assert checksum(state) == checksum({"history": [], "order": dict(reversed(ORDER.items())), "answer": ANSWER})
    assert checksum(state) != checksum({"order": ORDER | {"status": "pending"}, "history": []})
