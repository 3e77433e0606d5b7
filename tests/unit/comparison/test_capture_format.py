"""A line of a capture, and back; and what is said of a line that is none."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.comparison.capture_format import BadCapture, check_head, decode, encode, encode_head
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Exchange
from tests.support.exchanges import AT, a_request, an_answer, an_exchange

HEAD = {"strangler_capture": 1, "recording": "2026-11-22T12:00:00.123456Z", "part": 1}


def test_a_line_reads_as_what_happened() -> None:
    exchange = an_exchange(
        a_request("/a?b=1", "POST", (("Host", "shop"), ("X", "ä")), b'{"a": 1}'), an_answer(b"\xff\0", 404)
    )
    assert json.loads(encode(exchange)) == {
        "at": "2026-11-22T12:00:00.123456Z",
        "route": "product-detail",
        "primary": "legacy",
        "request": {"method": "POST", "target": "/a?b=1", "fields": [["Host", "shop"], ["X", "ä"]], "text": '{"a": 1}'},
        "answers": {
            "legacy": {
                "status": 404,
                "seconds": 0.0125,
                "fields": [["Content-Type", "application/json"]],
                "base64": "/wA=",
            }
        },
    }


VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)
FIELDS = st.lists(st.tuples(st.text("abcX-", min_size=1, max_size=8), VALUES), max_size=4).map(tuple)
BODIES = st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
ANSWERS = st.builds(
    CapturedAnswer,
    st.integers(100, 999),
    FIELDS,
    BODIES,
    st.integers(0, 10**9).map(lambda micro: micro / 10**6),
    st.booleans(),
)
REQUESTS = st.builds(CapturedRequest, st.sampled_from(["GET", "M-SEARCH"]), VALUES.map("/{}".format), FIELDS, BODIES)


@given(
    st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),
    st.none() | st.text(max_size=10),
    REQUESTS,
    st.dictionaries(st.sampled_from(["legacy", "service", "again"]), ANSWERS, min_size=1),
    st.data(),
)
def test_every_exchange_comes_back_as_it_was(
    at: datetime, route: str | None, request: CapturedRequest, answers: dict[str, CapturedAnswer], data: st.DataObject
) -> None:
    exchange = Exchange(at, route, request, answers, data.draw(st.sampled_from(sorted(answers))))
    line = encode(exchange)
    assert line.count(b"\n") == 1
    assert decode(line) == exchange


def test_times_are_written_in_utc() -> None:
    east = AT.astimezone(timezone(timedelta(hours=5)))
    assert json.loads(encode_head(east, 1)) == HEAD


def test_keys_that_are_not_known_are_passed_over() -> None:
    found = json.loads(encode(an_exchange())) | {"later": 1}
    assert decode(json.dumps(found).encode()) == an_exchange()
    check_head(json.dumps(HEAD | {"later": 1}).encode())


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"{", "not JSON: "),
        (b"[]", "not an object of JSON"),
        (b"{}", "not a capture (hint: its first line begins with "),
        (b'{"log": {}}', "not a capture (hint: a HAR is read with --har)"),
        (b'{"strangler_capture": 2}', "it has version 2 of the format, and this strangler reads version 1"),
        (b'{"strangler_capture": true}', '"strangler_capture" is no version number'),
        (b'{"strangler_capture": 0}', '"strangler_capture" is no version number'),
        (b"[" * 100_000, "not JSON: "),
    ],
)
def test_a_head_that_is_none_is_told(head: bytes, said: str) -> None:
    with pytest.raises(BadCapture, match=re.escape(said)):
        check_head(head)


def change(where: str, value: object) -> bytes:
    """An exchange's line with one thing in it changed; None takes it out."""
    found: dict[str, Any] = json.loads(encode(an_exchange()))
    *way, last = where.split(".")
    inner = found
    for key in way:
        inner = inner[key]
    inner[last] = value
    if value is None:
        del inner[last]
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("at", None, '"at" is missing'),
        ("at", "yesterday", '"at" is no time'),
        ("at", "2026-11-22T12:00:00", '"at" has no time zone'),
        ("route", 7, '"route" is neither text nor null'),
        ("primary", "service", '"primary" is "service", and "answers" has none of that name'),
        ("request", [], '"request" is not an object'),
        ("request.method", "GET /", '"method" is no method'),
        ("request.target", "http://shop/", '"target" does not begin with /'),
        ("request.fields", {}, '"fields" is no list of [name, value]'),
        ("request.fields", [["a"]], '"fields" is no list of [name, value]'),
        ("request.fields", [["a", "b\r\nc: d"]], '"fields" has a line that HTTP does not allow'),
        ("request.fields", [["a", "€"]], '"fields" has a line that HTTP does not allow'),
        ("request.base64", "%", "the body cannot be decoded"),
        ("request.text", 5, "a body is either text or base64"),
        ("answers", None, '"answers" is missing'),
        ("answers.legacy", 5, 'the answer "legacy" is not an object'),
        ("answers.legacy.status", 99, '"status" is no status'),
        ("answers.legacy.status", True, '"status" is no status'),
        ("answers.legacy.seconds", -1, '"seconds" is no time'),
        ("answers.legacy.seconds", float("nan"), '"seconds" is no time'),
    ],
)
def test_a_line_that_is_none_is_told(where: str, value: object, said: str) -> None:
    with pytest.raises(BadCapture, match=re.escape(said)):
        decode(change(where, value))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_line_or_are_refused(line: bytes) -> None:
    with pytest.raises(BadCapture):
        decode(line)
