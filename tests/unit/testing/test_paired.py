"""Paired values: one to the test, two to the sides."""

from collections.abc import Callable
from typing import Any

import pytest

from proxy.testing.paired import Paired, Placeholders


@pytest.fixture
def placeholders() -> Placeholders:
    return Placeholders()


@pytest.fixture
def pair(placeholders: Placeholders) -> Callable[[Any, Any], Paired]:
    return lambda legacy, service: Paired(legacy, service, placeholders)


Pair = Callable[[Any, Any], Paired]


def own(placeholders: Placeholders, value: Any) -> tuple[Any, Any]:
    return placeholders.own(value, "legacy"), placeholders.own(value, "service")


@pytest.mark.parametrize(
    ("make", "legacy", "service"),
    [
        (lambda one: f"/orders/{one}/items?of={one}", "/orders/7/items?of=7", "/orders/9/items?of=9"),
        ("/orders/{}".format, "/orders/7", "/orders/9"),
        (lambda one: f"{one:04d}", "0007", "0009"),
        (lambda one: f"<{one}>".encode(), b"<7>", b"<9>"),
        (lambda one: b"\xff" + str(one).encode(), b"\xff7", b"\xff9"),
        (lambda one: one, 7, 9),
        (lambda one: {"id": one, f"of-{one}": [(one, 1)]}, {"id": 7, "of-7": [(7, 1)]}, {"id": 9, "of-9": [(9, 1)]}),
        (lambda one: {"unlike": [None, True, 1.5]}, {"unlike": [None, True, 1.5]}, {"unlike": [None, True, 1.5]}),
    ],
)  # fmt: skip
def test_each_side_is_sent_its_own(
    placeholders: Placeholders, pair: Pair, make: Callable[[Paired], Any], legacy: Any, service: Any
) -> None:
    assert own(placeholders, make(pair(7, 9))) == (legacy, service)


def test_pairs_within_pairs_are_resolved(placeholders: Placeholders, pair: Pair) -> None:
    path = pair(f"/a/{pair(1, 2)}", "/b")
    assert own(placeholders, f"{path}?x") == ("/a/1?x", "/b?x")


def test_what_was_met_is_told_once_for_each_place(placeholders: Placeholders, pair: Pair) -> None:
    used: list[Paired] = []
    first, second = pair(1, 2), pair("a", "b")
    placeholders.own({"x": first, "y": f"{second}"}, "legacy", used)
    assert used == [first, second]


def test_a_text_of_another_session_is_refused_rather_than_sent(placeholders: Placeholders) -> None:
    stranger = Paired(1, 2, Placeholders())
    with pytest.raises(LookupError, match="of another session"):
        placeholders.own(f"/orders/{stranger}", "legacy")


def test_a_comparison_holds_when_it_holds_on_both_sides(pair: Pair) -> None:
    assert pair(200, 200) == 200
    assert (pair(200, 500) == 200) is False
    assert (pair(200, 500) != 200) is False
    assert pair(200, 201) != 500
    assert pair(200, 201) < 300
    assert pair(200, 201) <= 201
    assert not pair(200, 400) < 300
    assert pair(200, 400) >= 200
    assert not pair(200, 400) > 200
    assert pair(3, 4) == pair(3, 4)
    assert (pair(3, 4) == pair(4, 3)) is False
    assert "b" in pair(["a", "b"], ["b"])
    assert "a" not in pair(["a", "b"], ["b"])
    assert pair(1, 2) in pair([1], [2])


def test_a_pair_is_read_like_a_value(pair: Pair) -> None:
    page = pair({"items": [{"id": 1}, {"id": 2}]}, {"items": [{"id": 11}, {"id": 12}]})
    assert [item["id"].service for item in page["items"]] == [11, 12]
    assert len(page["items"]) == 2
    assert list(page) == ["items"]
    assert page["items"][0]["id"] == pair(1, 11)
    assert pair("abc", "xyz")[:2] == pair("ab", "xy")
    assert pair({"a": 1}, {"b": 1})[pair("a", "b")] == 1
    assert pair(5, 7).map(lambda number: number - 2) == pair(3, 5)
    assert pair(1, 1).agree
    assert not pair(1, 2).agree


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda pair: pair([1], [1, 2])[1], r"legacy has no 1 in \[1\]"),
        (lambda pair: pair({"a": 1}, {})["a"], "service has no 'a' in {}"),
        (lambda pair: pair({"a": 1}, None)["a"], "service has no 'a' in None"),
        (lambda pair: len(pair([1], [])), "two lengths: legacy 1, service 0"),
        (lambda pair: list(pair([1], [])), "two lengths: legacy 1, service 0"),
        (lambda pair: list(pair({"a": 1}, {"b": 1})), r"two keys: legacy \['a'\], service \['b'\]"),
        (lambda pair: bool(pair("next", None)), "two values to decide by: legacy 'next', service None"),
    ],
)
def test_where_the_sides_leave_no_one_answer_the_test_fails(
    pair: Pair, ask: Callable[[Pair], object], told: str
) -> None:
    with pytest.raises(AssertionError, match=told):
        ask(pair)


def test_it_shows_both_values_and_cuts_long_ones(pair: Pair) -> None:
    assert repr(pair(200, 200)) == "<both 200>"
    assert repr(pair(1, True)) == "<legacy 1, service True>"
    assert repr(pair("a", "b")) == "<legacy 'a', service 'b'>"
    assert len(repr(pair("a" * 5000, "b"))) < 400


def test_it_shows_no_secret(pair: Pair) -> None:
    answer = pair({"access_token": "abc1", "n": 1}, {"access_token": "abc2", "n": 1})
    assert repr(answer) == "<legacy {'access_token': '***1', 'n': 1}, service {'access_token': '***2', 'n': 1}>"
    assert repr(answer["access_token"]) == "<legacy ***, service ***>"
    assert repr(answer["access_token"].map(str.upper)) == "<legacy ***, service ***>"
    with pytest.raises(AssertionError, match=r"legacy has no 'a' in \*\*\*"):
        answer["access_token"]["a"]


def test_a_pair_is_no_key(pair: Pair) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(pair(1, 2))
