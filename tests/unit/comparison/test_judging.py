"""What is told of a pair: where it differs, by the rules of its route, and no secret."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from proxy.comparison.difference import Comparison, Kind
from proxy.comparison.judging import Judge, terms_of
from proxy.comparison.tally import Judged, rules_name
from proxy.config.compare import Compare, IgnoreRule, Shadow
from proxy.config.model import Stage
from proxy.wire.exchange import CapturedAnswer, Exchange
from tests.support.exchanges import a_request, an_answer, an_exchange
from tests.support.routing import route, snapshot

TODAY = date(2026, 11, 22)
SECRET = "sw0rdfish-and-chips"


def pair(
    left: CapturedAnswer, right: CapturedAnswer | None, again: CapturedAnswer | None = None, **request: Any
) -> Exchange:
    answers = {"legacy": left, "service": right, "again": again}
    return replace(
        an_exchange(a_request(**request)),
        route="r",
        answers={role: one for role, one in answers.items() if one is not None},
        primary="legacy",
    )


def wanted(_route: str, _rules: str, _comparison: Comparison) -> bool:
    return True


def judged(
    exchange: Exchange,
    failure: str | None = None,
    *,
    stage: str = "shadow",
    wants: Callable[[str, str, Comparison], bool] = wanted,
    **compare: Any,
) -> Judged:
    one = route("r", "/a", stage=stage, shadow=Shadow(), compare=Compare(**compare))
    return Judge().judge(exchange, failure, terms_of(one, snapshot(one), TODAY), wants)


def told(found: Judged) -> list[tuple[str, str, str | None, str | None]]:
    return [(each.kind.value, each.place, each.left, each.right) for each in found.comparison.differences]


def test_an_example_shows_what_each_side_said() -> None:
    found = judged(pair(an_answer(b'{"price": 1}'), an_answer(b'{"price": 2}')))
    assert told(found) == [("value", "$.price", "1", "2")]
    assert found.example is not None
    assert found.example.answers["service"].body == b'{"price": 2}'
    assert (found.route, found.rules) == ("r", rules_name(route("r", "/a", stage="shadow", shadow=Shadow()), TODAY))


def test_what_is_no_example_has_no_word_of_either_side() -> None:
    found = judged(
        pair(an_answer(b'{"list": [1]}'), an_answer(b'{"list": [2]}'), an_answer(b'{"list": [3]}')),
        wants=lambda *_: False,
    )
    assert found.example is None
    assert told(found) == [("value", "$.list[*]", None, None)]
    assert found.again is not None
    assert [(each.left, each.right) for each in found.again.differences] == [(None, None)] * len(
        found.again.differences
    )


def test_two_secrets_that_differ_are_a_difference_without_its_content() -> None:
    found = judged(
        pair(
            an_answer(f'{{"token": "{SECRET}"}}'.encode()),
            an_answer(b'{"token": "another-secret"}'),
            target="/a?token=" + SECRET,
        )
    )
    assert told(found) == [("value", "$.token", "***1", "***2")]
    assert SECRET not in repr(found)
    assert "another-secret" not in repr(found)


def test_a_secret_that_is_a_key_is_shown_as_any_key() -> None:
    key = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
    found = judged(
        pair(an_answer(f'{{"by": {{"{key}": 1}}}}'.encode()), an_answer(f'{{"by": {{"{key}": 2}}}}'.encode()))
    )
    assert key not in repr(found.comparison)
    assert [each.path for each in found.comparison.differences] == ["$.by.*"]


def test_no_answer_is_a_difference_of_status() -> None:
    found = judged(pair(an_answer(), None), "connect_error")
    assert told(found) == [("status", "status", "200", "no answer (connect_error)")]


def test_the_primary_is_compared_with_itself_where_it_was_asked_twice() -> None:
    found = judged(pair(an_answer(b'{"a": 1}'), an_answer(b'{"a": 1}'), an_answer(b'{"a": 2}')))
    assert found.comparison.equal
    assert found.again is not None
    assert [each.path for each in found.again.differences] == ["$.a"]


def test_after_the_cutover_the_service_is_the_primary() -> None:
    exchange = replace(pair(an_answer(b'{"a": 1}'), an_answer(b'{"b": 1}')), primary="service")
    kinds = {(each.path, each.kind) for each in judged(exchange, stage=Stage.CUTOVER.value).comparison.differences}
    assert kinds == {("$.b", Kind.MISSING), ("$.a", Kind.EXTRA)}


@pytest.mark.parametrize("answered_by", ["legacy", "service"])
def test_at_canary_the_service_is_measured_by_the_monolith_whoever_answered(answered_by: str) -> None:
    exchange = replace(pair(an_answer(b'{"a": 1}'), an_answer(b'{"b": 1}')), primary=answered_by)
    kinds = {(each.path, each.kind) for each in judged(exchange, stage=Stage.CANARY.value).comparison.differences}
    assert kinds == {("$.a", Kind.MISSING), ("$.b", Kind.EXTRA)}


def test_at_canary_the_monolith_may_be_the_one_that_gives_no_answer() -> None:
    answers = {"service": an_answer(status=201), "again": an_answer()}
    asked = replace(an_exchange(), route="r", answers=answers, primary="service")
    found = judged(asked, "response_timeout", stage=Stage.CANARY.value)
    assert told(found) == [("status", "status", "no answer (response_timeout)", "201")]
    assert found.again is None


@pytest.mark.parametrize("left", ["127.0.0.1:8000", "shop.example"])
def test_the_hosts_of_both_sides_and_of_the_request_are_one(left: str) -> None:
    answers = [an_answer(f'{{"next": "http://{host}/b"}}'.encode()) for host in (left, "127.0.0.1:8103")]
    assert judged(pair(*answers, fields=(("Host", "shop.example"),))).comparison.equal


def test_a_rule_holds_to_its_last_day() -> None:
    exchange = pair(an_answer(b'{"a": 1}'), an_answer(b'{"a": 2}'))
    for last, equal in ((TODAY, True), (date(2026, 11, 21), False)):
        assert judged(exchange, ignore=(IgnoreRule(path="$.a", until=last),)).comparison.equal == equal
