"""Status, access and fields: what a client acts upon."""

import pytest

from proxy.comparison.compare import compare
from proxy.comparison.rules import compile_rules
from proxy.config.compare import Compare, IgnoreRule
from proxy.wire.exchange import CapturedAnswer
from tests.support.answers import PLAIN, TODAY, answer, pairs

SIGNED_OUT = answer(b"", ("Location", "/accounts/login/?next=/orders"), status=302)


def heads(
    left: tuple[str, str] | None, right: tuple[str, str] | None, rules: Compare | None = None
) -> list[tuple[str, str]]:
    sides = [answer(b"same", *([side] if side else [])) for side in (left, right)]
    compiled = compile_rules(rules, today=TODAY) if rules else PLAIN
    return pairs(compare(*sides, compiled, hosts=("a.test:8000", "b.test")))


def test_another_status_of_the_same_class_leaves_the_rest_to_be_compared() -> None:
    assert pairs(compare(answer({"a": 1}, status=200), answer({"a": 2}, status=201), PLAIN)) == [
        ("status", "status"), ("value", "$.a"),
    ]  # fmt: skip


def test_an_error_in_place_of_an_answer_is_one_difference() -> None:
    assert pairs(compare(answer({"a": 1}), answer({"error": 2}, status=500), PLAIN)) == [("status", "status")]


def test_statuses_of_one_set_are_one_outcome() -> None:
    rules = compile_rules(Compare(equal_status=(frozenset({404, 410}),)), today=TODAY)
    assert compare(answer(b"x", status=404), answer(b"x", status=410), rules).equal
    assert not compare(answer(b"x", status=404), answer(b"x", status=400), rules).equal


@pytest.mark.parametrize("denied", [answer(b"", status=401), answer(b"", status=403), SIGNED_OUT])
@pytest.mark.parametrize("granted", [answer({"a": 1}), answer(b"", ("Location", "/cart"), status=302)])
def test_letting_somebody_in_is_a_difference_of_its_own_that_no_rule_hides(
    denied: CapturedAnswer, granted: CapturedAnswer
) -> None:
    rules = compile_rules(
        Compare(
            ignore=(IgnoreRule(path="$"), IgnoreRule(header="Location")),
            equal_status=(frozenset({200, 302, 401, 403}),),
        ),
        today=TODAY,
    )
    assert pairs(compare(denied, granted, rules)) == [("authorisation", "authorisation")]
    assert pairs(compare(granted, denied, rules)) == [("authorisation", "authorisation")]


def test_two_ways_to_turn_somebody_away_are_two_statuses() -> None:
    assert pairs(compare(answer(b"", status=401), SIGNED_OUT, PLAIN))[0] == ("status", "status")
    assert pairs(compare(answer(b"", status=403), answer(b"", status=404), PLAIN)) == [("status", "status")]


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("Content-Type", "text/html; charset=UTF-8", 'text/html;charset="utf-8"'),
        ("Vary", "Cookie, Accept", "accept,cookie"),
        ("Allow", "GET, HEAD", "HEAD, GET"),
        ("Cache-Control", "no-cache, private", "private,no-cache"),
        ("Location", "http://a.test:8000/orders/7?x=1", "https://b.test/orders/7?x=1"),
        ("Location", "http://a.test:8000/orders/7", "/orders/7"),
        ("Location", "http://b.test", "/"),
        ("WWW-Authenticate", 'Digest realm="shop", nonce="1"', 'Digest nonce="2", realm="shop"'),
        ("Set-Cookie", "sessionid=1; Path=/; HttpOnly", "sessionid=2; httponly; path=/; Expires=Thu, 01 Jan 2026"),
        ("Date", "Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:01 GMT"),
        ("Server", "nginx", "uvicorn"),
    ],
)
def test_fields_that_mean_the_same_are_equal(name: str, left: str, right: str) -> None:
    assert [pair for pair in heads((name, left), (name, right)) if pair[0] == "header"] == []


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("Vary", "Cookie", "Cookie, Accept"),
        ("Location", "http://a.test:8000/orders/7", "http://a.test:80001/orders/7"),
        ("Location", "http://a.test:8000/a", "http://elsewhere.test/a"),
        ("Retry-After", "1", "2"),
        ("WWW-Authenticate", 'Basic realm="shop"', 'Bearer realm="shop"'),
    ],
)
def test_fields_that_mean_something_else_differ(name: str, left: str, right: str) -> None:
    assert heads((name, left), (name, right)) == [("header", f"header:{name}")]
    assert heads((name.lower(), left), None) == [("header", f"header:{name}")]


def test_a_cookie_is_told_by_its_name_and_its_value_never_shown() -> None:
    left, right = (answer(b"", ("Set-Cookie", f"sid=s3cret{at}; Path=/{at}")) for at in "ab")
    difference = compare(left, right, PLAIN).differences[0]
    assert (difference.path, difference.left) == ("header:Set-Cookie:sid", "sid=…; path=/a")
    assert "s3cret" not in repr(difference)
    assert heads(("Set-Cookie", "a=1; Max-Age=60"), ("Set-Cookie", "a=1; Max-Age=61")) != []


def test_a_rule_ignores_a_field_or_one_cookie() -> None:
    one, other = ("Set-Cookie", "a=1"), ("Set-Cookie", "a=1; Secure")
    assert heads(one, other, Compare(ignore=(IgnoreRule(header="set-cookie"),))) == []
    assert heads(one, other, Compare(ignore=(IgnoreRule(header="Set-Cookie:a"),))) == []
    assert heads(one, other, Compare(ignore=(IgnoreRule(header="Set-Cookie:b"),))) != []


def test_only_the_fields_of_the_list_are_compared() -> None:
    rules = Compare(headers=("X-Total",))
    assert heads(("X-Total", "1"), ("X-Total", "2"), rules) == [("header", "header:X-Total")]
    assert heads(("Vary", "a"), ("Vary", "b"), rules) == []
