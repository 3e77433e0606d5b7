"""Two systems that are asked the same: what is asked of whom, what is noise, and what ends it."""

import asyncio
import json
from collections.abc import Callable
from datetime import date

import httpx
import pytest

from proxy.comparison.asking import Side
from proxy.comparison.crawl import Crawl
from proxy.comparison.report import FAILS, UNDECIDED, Report, Standing
from proxy.comparison.rules import compile_rules
from proxy.comparison.side_by_side import Planned, SideBySide, Unreachable
from proxy.comparison.sources import Listed, Source
from proxy.wire.exchange import CapturedRequest
from proxy.wire.redaction import Redactor

Tell = Callable[[str, int], object]
"""From target and how many requests came before, to a body of JSON, a status, or an exception."""


class System(httpx.AsyncBaseTransport):
    def __init__(self, tell: Tell) -> None:
        self.seen: list[str] = []
        self._tell = tell

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = request.extensions["target"].decode()
        self.seen.append(f"{request.method} {target}")
        told = self._tell(target, len(self.seen))
        if isinstance(told, Exception):
            raise told
        status, kind, body = 200, "application/json", json.dumps(told)
        if isinstance(told, int):
            status, body = told, ""
        elif isinstance(told, str):
            kind, body = "text/html", told
        return httpx.Response(status, headers={"Content-Type": kind}, stream=httpx.ByteStream(body.encode()))


def gets(*targets: str) -> Listed:
    return Listed([CapturedRequest("GET", target, ()) for target in targets], most=1000)


def compared(
    left: System, right: System, source: Source, *, fail_on: frozenset[str] | None = None, again: float = 0.1
) -> Report:
    rules = compile_rules(today=date(2026, 11, 22))

    async def story() -> Report:
        async with Side("http://left:1", transport=left) as one, Side("http://right:2", transport=right) as other:
            run = SideBySide(one, other, lambda ask: Planned("r", rules, ask, ask), Redactor(), again=again)
            await run.run(source, concurrency=4, progress=lambda _done, _of: None)
            kinds = frozenset(FAILS) - {UNDECIDED} if fail_on is None else fail_on
            return run.tally.report(one.url, other.url, source.skipped, kinds)

    return asyncio.run(story())


def test_equal_systems_are_equal():
    report = compared(System(lambda *_: {"a": 1}), System(lambda *_: {"a": 1}), gets("/1", "/2"), again=0)
    assert report.equal
    assert (report.exchanges, report.compared, report.equal_pairs, report.groups) == (2, 2, 2, ())


def test_a_difference_is_named_by_its_field_once_with_its_count():
    report = compared(System(lambda *_: {"a": 1}), System(lambda *_: {"a": 2}), gets("/1", "/2", "/3"))
    (group,) = report.groups
    assert (group.path, group.kind, group.count, group.of, group.standing) == ("$.a", "value", 3, 3, "different")
    assert not report.equal


def test_a_clock_is_noise_without_a_rule_and_does_not_hide_a_fault_beside_it():
    left = System(lambda _target, count: {"at": count, "price": 1})
    right = System(lambda _target, count: {"at": -count, "price": 2})
    report = compared(left, right, gets(*(f"/{number}" for number in range(8))))
    assert {group.path: group.standing for group in report.groups} == {
        "$.price": Standing.DIFFERENT,
        "$.at": Standing.NOISE,
    }


def test_what_comes_and_goes_on_the_left_is_noise_whichever_side_has_it():
    report = compared(
        System(lambda _target, count: {"b": 1} if count % 2 else {}),
        System(lambda *_: {"b": 1}),
        gets("/1", "/2", "/3", "/4"),
    )
    assert {group.standing for group in report.groups} <= {Standing.NOISE}


def test_writes_are_not_asked_again():
    left = System(lambda *_: {"a": 1})
    source = Listed([CapturedRequest("POST", "/x", ())], allow_writes=True, most=9)
    compared(left, System(lambda *_: {"a": 2}), source, again=1.0)
    assert left.seen == ["POST /x"]


def test_writes_and_withheld_bodies_are_left_out_and_counted():
    withheld = CapturedRequest("POST", "/y", (), b"[withheld: 12 bytes, application/pdf]")
    source = Listed([CapturedRequest("DELETE", "/x", ()), CapturedRequest("GET", "/", ())], most=9)
    system = System(lambda *_: {})
    report = compared(system, System(lambda *_: {}), source, again=0)
    assert (system.seen, report.skipped) == (["GET /"], {"unsafe_method": 1})
    assert Listed([withheld], allow_writes=True, most=9).skipped == {"body_withheld": 1}


def test_letting_somebody_in_is_a_difference_of_its_own():
    report = compared(System(lambda *_: 403), System(lambda *_: 200), gets("/admin"))
    assert [group.kind for group in report.of(Standing.DIFFERENT)] == ["authorisation"]


def test_only_the_kinds_that_were_asked_for_fail():
    report = compared(
        System(lambda *_: {"a": 1}), System(lambda *_: {"a": 2}), gets("/"), fail_on=frozenset({"status"})
    )
    assert report.equal
    assert [group.standing for group in report.groups] == [Standing.ALLOWED]


def test_a_side_that_now_and_then_gives_no_answer_differs_there():
    right = System(lambda target, _count: httpx.ReadTimeout("") if target == "/2" else {})
    report = compared(System(lambda *_: {}), right, gets("/1", "/2", "/3"))
    (group,) = report.of(Standing.DIFFERENT)
    found = group.examples[0].difference
    assert (found.path, found.left, found.right) == ("status", "200", "no answer (response_timeout)")


def test_a_side_that_answers_nothing_is_unreachable_and_not_asked_for_long():
    right = System(lambda *_: httpx.ConnectError("refused"))
    with pytest.raises(Unreachable, match="http://right:2 answers nothing"):
        compared(System(lambda *_: {}), right, gets(*map("/{}".format, range(200))))
    assert len(right.seen) < 20


def test_nothing_that_could_be_judged_is_not_equal():
    down = System(lambda target, _count: {} if target == "/1" else httpx.ReadTimeout(""))
    report = compared(down, down, gets("/1", "/2"), again=0)
    assert report.undecided == {"no_answer": 1}


def test_examples_and_texts_hold_no_secret():
    report = compared(
        System(lambda *_: {"token": "left-secret"}),
        System(lambda *_: {"token": "right-secret"}),
        gets("/?password=qwertz"),
    )
    assert report.of(Standing.DIFFERENT)
    for secret in ("left-secret", "right-secret", "qwertz"):
        assert secret not in repr(report)


def test_a_crawl_follows_links_of_its_own_site_and_submits_nothing():
    pages = {
        "/": '<a href="/a?x=1&amp;y=2#part">a</a> <a href="//left:1/b">b</a> <a href="https://else.test/c">c</a>'
        '<form action="/delete" method="post"><button>x</button></form><a href="mailto:x@y.z">m</a>',
        "/a?x=1&y=2": '<a href="deeper/../d">d</a>',
        "/b": "",
        "/d": '<a href="/e">e</a>',
    }
    left = System(lambda target, _count: pages.get(target, 404))
    right = System(lambda target, _count: pages.get(target, 404))
    source = Crawl(["/"], ["left:1", "right:2"], most=100, depth=2)
    report = compared(left, right, source, again=0)
    assert sorted(left.seen) == ["GET /", "GET /a?x=1&y=2", "GET /b", "GET /d"]
    assert (report.equal, dict(report.skipped)) == (True, {"too_deep": 1})


def test_a_crawl_is_bounded_by_its_number_of_requests():
    left, right = (System(lambda target, _count: f'<a href="{target}x">x</a><a href="{target}y">y</a>') for _ in "ab")
    report = compared(left, right, Crawl(["/"], [], most=10, depth=50), again=0)
    assert (report.exchanges, len(left.seen)) == (10, 10)
    assert report.skipped["over_the_limit"] > 0
