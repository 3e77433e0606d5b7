"""HAR 1.2: what goes out comes back, and what browsers write is read."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.comparison.capture_format import BadCapture
from proxy.comparison.har import from_har, to_har
from proxy.wire.exchange import AGAIN, LEGACY, SERVICE, Fields
from tests.support.exchanges import AT, a_request, an_answer, an_exchange

FIELDS: Fields = (("Host", "shop.test"), ("Cookie", "a=***1; b=***2"))


def entry(**changes: Any) -> dict[str, Any]:
    """An entry as a browser writes it, with some keys of its request and response changed (`request_url=…`)."""
    found: dict[str, Any] = {
        "startedDateTime": "2026-11-22T13:00:00.123+01:00",
        "time": 12.5,
        "request": {"method": "GET", "url": "https://shop.test/a?b=1", "headers": [], "cookies": []},
        "response": {"status": 200, "headers": [], "content": {"size": 2, "mimeType": "text/plain", "text": "ok"}},
    }
    for key, change in changes.items():
        part, _, name = key.partition("_")
        found[part][name] = change
    return found


def har(*entries: object) -> str:
    return json.dumps({"log": {"version": "1.2", "entries": list(entries)}})


def test_what_goes_out_is_a_har_that_others_read() -> None:
    exchange = an_exchange(
        a_request("/a?b=1&c", "POST", (*FIELDS, ("Content-Type", "text/plain")), b"x"), an_answer(b"\xff")
    )
    (found,) = json.loads(to_har([exchange], "http://shop.test"))["log"]["entries"]
    assert found["startedDateTime"] == "2026-11-22T12:00:00.123Z"
    assert found["request"]["url"] == "http://shop.test/a?b=1&c"
    assert found["request"]["queryString"] == [{"name": "b", "value": "1"}, {"name": "c", "value": ""}]
    assert found["request"]["cookies"] == [{"name": "a", "value": "***1"}, {"name": "b", "value": "***2"}]
    assert found["request"]["postData"] == {"mimeType": "text/plain", "text": "x"}
    assert found["response"]["content"] == {
        "size": 1,
        "mimeType": "application/json",
        "text": "/w==",
        "encoding": "base64",
    }
    assert found["timings"] == {"send": 0, "wait": 12.5, "receive": 0}


def test_each_answer_of_an_exchange_is_an_entry_that_knows_its_role() -> None:
    answers = {role: an_answer(role.encode()) for role in (LEGACY, SERVICE, AGAIN)}
    exchange = an_exchange(answers=answers)
    found, left_out = from_har(to_har([exchange], "http://shop.test"))
    assert left_out == 0
    assert [each.primary for each in found] == [LEGACY, SERVICE, AGAIN]
    assert {role: answer for each in found for role, answer in each.answers.items()} == answers


PLAIN = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)


@given(PLAIN, st.binary(max_size=40), st.binary(max_size=40), st.booleans())
def test_what_goes_out_comes_back(plain: str, sent: bytes, answered: bytes, cut: bool) -> None:
    exchange = an_exchange(
        a_request("/a/%2B?b=1&b=%20", "POST", (*FIELDS, ("X", plain)), sent), an_answer(answered, cut=cut)
    )
    assert from_har(to_har([exchange], "http://shop.test"))[0] == [replace(exchange, at=AT.replace(microsecond=123000))]


def test_fields_of_http2_and_of_the_connection_are_dropped() -> None:
    headers = [
        {"name": name, "value": found}
        for name, found in ((":authority", "shop.test"), (":path", "/a"), ("connection", "close"), ("accept", "*/*"))
    ]
    (found,), _ = from_har(har(entry(request_headers=headers)))
    assert found.request.fields == (("Host", "shop.test"), ("accept", "*/*"))


def test_repeated_fields_that_a_browser_joined_are_lines_again() -> None:
    headers = [{"name": "set-cookie", "value": "a=1; Path=/\nb=2"}, {"name": "content-encoding", "value": "gzip"}]
    (found,), _ = from_har(har(entry(response_headers=headers)))
    assert found.answers[LEGACY].fields == (("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2"))


def test_cookies_count_where_no_cookie_field_is_recorded() -> None:
    (found,), _ = from_har(har(entry(request_cookies=[{"name": "a", "value": "1"}, {"name": "b", "value": "2"}])))
    assert found.request.fields == (("Host", "shop.test"), ("Cookie", "a=1; b=2"))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://shop.test/a?b=1#c", "/a?b=1"),
        ("https://shop.test", "/"),
        ("/relative?x", "/relative?x"),
        ("https://shop.test/ä b?q=ü", "/%C3%A4%20b?q=%C3%BC"),
        ("https://shop.test/%7Ea/%2B?q=%20+", "/%7Ea/%2B?q=%20+"),
    ],
)
def test_the_target_is_what_was_asked_for(url: str, target: str) -> None:
    (found,), _ = from_har(har(entry(request_url=url)))
    assert found.request.target == target


def test_bodies_of_every_kind_are_read() -> None:
    form = {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a b", "value": "ä"}, {"name": "c"}]}
    (found,), _ = from_har(har(entry(request_postData=form, request_method="post")))
    assert (found.request.method, found.request.body) == ("POST", b"a+b=%C3%A4&c=")
    (found,), _ = from_har(har(entry(response_content={"text": "/wA=", "encoding": "base64"})))
    assert found.answers[LEGACY].body == b"\xff\0"
    (found,), _ = from_har(har(entry(response_content={"size": 99})))
    assert found.answers[LEGACY].cut, "a browser keeps not every body"


def test_a_byte_order_mark_and_a_zone_are_taken() -> None:
    (found,), _ = from_har(b"\xef\xbb\xbf" + har(entry()).encode())
    assert found.at == AT.replace(microsecond=123000)
    assert found.answers[LEGACY].seconds == 0.0125


def test_what_is_no_exchange_or_of_another_origin_is_left_out_and_counted() -> None:
    entries = (
        entry(),
        entry(request_url="data:text/plain,x"),
        entry(request_url="wss://shop.test/live"),
        entry(response_status=0),
        entry(request_url="https://cdn.test/a.js"),
    )
    assert from_har(har(*entries))[1] == 3
    found, left_out = from_har(har(*entries), ["https://shop.test"])
    assert ([each.request.target for each in found], left_out) == (["/a?b=1"], 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not a HAR: it has no log.entries"),
        ('{"strangler_capture": 1}', "--capture"),
        (har({}), "entry 1: it is no entry of HAR 1.2"),
        (har(entry(), 5), "entry 2: it is no entry of HAR 1.2"),
        (har(entry(response_content={"text": "abc", "encoding": "base64"})), "entry 1: its content is not base64"),
        (b"\xff", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_har_is_told(text: str | bytes, said: str) -> None:
    with pytest.raises(BadCapture, match=said):
        from_har(text)
