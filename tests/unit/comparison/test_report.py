"""Reports: what they say, and that nothing captured gets out of its place in them."""

import json
import re
import shlex
from datetime import UTC, date, datetime
from xml.etree import ElementTree

import pytest

from proxy.comparison.compare import compare
from proxy.comparison.report import FAILS, LEFT, RIGHT, UNDECIDED, Report, Tally
from proxy.comparison.report_html import as_html
from proxy.comparison.report_text import as_github, as_json, as_junit, as_text
from proxy.comparison.rules import compile_rules
from proxy.comparison.telling import tell
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Exchange
from proxy.wire.redaction import Redactor
from tests.support.exchanges import a_request, an_answer
from tests.support.planted_secrets import PLANTS

RULES = compile_rules(today=date(2026, 11, 22))
NASTY = "</td><script>alert(1)</script><img src=x onerror=alert(2)>&\"'\x00\x1b]0;x\x07\r\n::error::x"
DEFAULT_FAILS = frozenset(FAILS) - {UNDECIDED}


def reported(*pairs: tuple[CapturedRequest, CapturedAnswer, CapturedAnswer]) -> Report:
    tally, redactor = Tally(), Redactor()
    for request, left, right in pairs:
        exchange = Exchange(datetime(2026, 11, 22, tzinfo=UTC), "shop", request, {LEFT: left, RIGHT: right}, LEFT)
        found = compare(left, right, RULES)
        told = tell(found, exchange, (LEFT, RIGHT), RULES, redactor, ()) if found.differences else None
        tally.add("shop", found, told)
    return tally.report("http://left:1", "http://right:2", {"unsafe_method": 2}, DEFAULT_FAILS)


def prices(left: object, right: object, request: CapturedRequest | None = None) -> Report:
    sides = (an_answer(json.dumps({"price": side}).encode()) for side in (left, right))
    return reported((request or a_request(), *sides))


def test_json_has_what_programs_were_promised():
    found = json.loads(as_json(prices(1, 2)))
    assert (found["equal"], found["exchanges"], found["skipped"]) == (False, 1, {"unsafe_method": 2})
    (group,) = found["groups"]
    assert {name: group[name] for name in ("kind", "path", "count", "route", "example")} == {
        "kind": "value",
        "path": "$.price",
        "count": 1,
        "route": "shop",
        "example": {"left": "1", "right": "2"},
    }
    assert [shlex.split(command)[-1] for command in group["curl"]] == [
        "http://left:1/api/products/7",
        "http://right:2/api/products/7",
    ]


def test_equal_systems_make_a_report_that_says_so_in_every_form():
    report = prices(1, 1)
    assert json.loads(as_json(report))["groups"] == []
    assert ElementTree.fromstring(as_junit(report)).get("failures") == "0"
    assert as_github(report).startswith("::notice ")
    assert as_text(report).startswith("equal (1 of 1 pairs alike)")
    assert "<h2>" not in as_html(report)


def test_a_page_needs_nothing_else_and_forbids_all_but_its_style():
    page = as_html(prices(1, 2))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert policy[1].startswith("default-src &#x27;none&#x27;; style-src &#x27;sha256-")
    assert not re.search(r"<(script|link|img|iframe|object|base)\b|\son\w+=|url\(|@import", page.split("</head>")[1])


def test_what_was_captured_is_text_in_a_page_and_never_markup():
    request = CapturedRequest("POST", "/x?a=<b>", (("X-A", "<i>"),), NASTY.encode())
    page = as_html(prices(NASTY, "<b>plain</b>", request))
    assert "<script" not in page
    assert "<img" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_junit_is_xml_whatever_was_captured():
    suite = ElementTree.fromstring(as_junit(prices(NASTY, 1)))
    assert suite.get("failures") == "2"
    assert "alert(1)" in "".join(suite.itertext())


def test_nothing_captured_begins_a_command_of_github():
    lines = as_github(prices(NASTY, 1)).splitlines()
    assert len(lines) == 2
    assert all(line.startswith("::error title=") for line in lines)


@pytest.mark.parametrize("plant", PLANTS)
def test_no_report_holds_a_secret(plant):
    one, other = plant("Hq7ZxK2mWv9TbLsR4cNd"), plant("Jw3YpF8gQe6UhMtX5aBk")
    left, right = (next(iter(each.answers.values())) for each in (one, other))
    left = CapturedAnswer(500, left.fields, left.body, left.seconds)
    right = CapturedAnswer(500, (*right.fields, ("Location", "/x")), right.body, right.seconds)
    report = reported((one.request, left, right), (other.request, right, left))
    assert report.groups
    for write in (as_html, as_json, as_junit, as_github, as_text):
        text = write(report)
        assert "Hq7ZxK2mWv9TbLsR4cNd" not in text
        assert "Jw3YpF8gQe6UhMtX5aBk" not in text


def test_examples_of_a_field_are_few():
    report = reported(*((a_request(f"/{n}"), an_answer(b'{"a": 1}'), an_answer(b'{"a": 2}')) for n in range(20)))
    (group,) = report.groups
    assert group.count == 20
    assert [example.exchange.request.target for example in group.examples] == ["/0", "/1", "/2"]
