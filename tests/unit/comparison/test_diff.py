"""JSON bodies: what differs is found at its place, and nothing else is."""

from datetime import date

import pytest

from proxy.config.compare import Compare, IgnoreRule, Tolerance
from tests.support.answers import compared, found

JSON = "application/json"


@pytest.mark.parametrize(
    ("left", "right", "kind", "path"),
    [
        ({"a": 1}, {"a": 2}, "value", "$.a"),
        ({"a": 1}, {"a": "1"}, "type", "$.a"),
        ({"a": 1}, {"a": True}, "type", "$.a"),
        ({"a": 0}, {"a": False}, "type", "$.a"),
        ({"a": 1}, {"a": 1.0}, "value", "$.a"),
        ({"a": None}, {"a": {}}, "type", "$.a"),
        ({"a": 1, "b": 2}, {"a": 1}, "missing", "$.b"),
        ({"a": 1}, {"a": 1, "b": 2}, "extra", "$.b"),
        ([1, 2, 3], [1, 3, 2], "order", "$"),
        ({"a": [[1, 2]]}, {"a": [[2, 1]]}, "order", "$.a[*]"),
        ([{"a": [1]}], [{"a": [2]}], "value", "$[*].a[*]"),
        (1, 2, "value", "$"),
    ],
)  # fmt: skip
def test_one_change_is_one_difference(left: object, right: object, kind: str, path: str) -> None:
    assert found(left, right) == [(kind, path)]


def test_the_order_of_members_means_nothing() -> None:
    assert compared(b'{"a": 1, "b": [true, null]}', b'{"b":[true,null],"a":1}', content_type=JSON).equal


@pytest.mark.parametrize(
    "pair", [(b"1.0", b"1"), (b"1e2", b"100"), (b"12.50", b"12.5"), (b"-0", b"0"), (b"NaN", b"null")]
)
def test_numbers_are_what_is_written(pair: tuple[bytes, bytes]) -> None:
    assert not compared(*pair, content_type=JSON).equal


def test_a_name_that_stands_twice_is_seen() -> None:
    once, twice = b'{"a": 2}', b'{"a": 1, "a": 2}'
    difference = compared(once, twice, content_type=JSON).differences[0]
    assert (difference.kind.value, difference.path, difference.right) == ("type", "$.a", "repeated: 1,2")
    assert compared(twice, b'{"a":1,"a":2}', content_type=JSON).equal


def test_one_element_put_in_is_one_extra() -> None:
    items = [{"id": at, "name": f"product {at}"} for at in range(30)]
    more = [*items[:10], {"id": 99, "name": "new"}, *items[10:]]
    comparison = compared({"items": items}, {"items": more})
    assert [(item.kind.value, item.place) for item in comparison.differences] == [("extra", "$.items[10]")]


def test_a_page_that_has_moved_on_by_one_is_one_missing_and_one_extra() -> None:
    items = [{"id": at, "stock": at * 7} for at in range(20)]
    assert found(items[:10], items[1:11]) == [("missing", "$[*]"), ("extra", "$[*]")]


def test_another_sort_under_ties_is_order_though_every_element_has_a_clock() -> None:
    left = [{"id": at, "seen": f"10:00:{at:02}"} for at in range(6)]
    right = [{"id": at, "seen": f"10:01:{at:02}"} for at in (0, 2, 1, 3, 5, 4)]
    assert set(found(left, right)) == {("order", "$"), ("value", "$[*].seen")}
    shown = compared(left, right).differences[0]
    assert (shown.left, shown.right) == ("[0,1,2,3,4,5]", "[0,2,1,3,5,4]")


def test_elements_of_two_lengths_are_known_by_their_ids() -> None:
    left = [{"id": at, "price": "1.00"} for at in range(5)]
    right = [{"id": at, "price": "2.00"} for at in range(1, 5)]
    assert sorted(found(left, right)) == [("missing", "$[*]"), *[("value", "$[*].price")] * 4]


def test_arrays_too_long_to_align_say_their_lengths() -> None:
    left, right = [[at] for at in range(9000)], [[-at - 1] for at in range(9001)]
    assert found(left, right) == [("length", "$")]


def test_keys_that_are_data_are_one_field() -> None:
    keys = ["2026-01-01", "0193b2f4-7d1c-7c52-9d6e-1f2a3b4c5d6e", "a" * 101, "deadbeefdeadbeef01"]
    assert found(dict.fromkeys(keys, 1), dict.fromkeys(keys, 2)) == [("value", "$.*")] * 4
    many = {f"name{at}": {"n": 1} for at in range(51)}
    assert found(many, many | {"namex": {"n": 2}, "name3": {"n": 3}}) == [("value", "$.*.n"), ("extra", "$.*")]


def test_a_field_path_can_be_put_into_a_rule() -> None:
    left, right = {"a b": [{"it's": 1, "\n": 1}]}, {"a b": [{"it's": 2, "\n": 2}]}
    comparison = compared(left, right)
    assert len(comparison.differences) == 2
    ignore = tuple(IgnoreRule(path=difference.path) for difference in comparison.differences)
    assert compared(left, right, Compare(ignore=ignore)).equal


def test_what_is_ignored_is_ignored_with_all_beneath_it_until_its_last_day() -> None:
    left, right = {"meta": {"at": 1, "by": [1]}, "x": 1}, {"meta": {"at": 2, "by": [2]}, "x": 1}
    for until, equal in ((None, True), (date(2026, 6, 1), True), (date(2026, 5, 31), False)):
        assert compared(left, right, Compare(ignore=(IgnoreRule(path="$.meta", until=until),))).equal is equal
    assert compared({"meta": 1, "x": 1}, {"x": 1}, Compare(ignore=(IgnoreRule(path="$..meta"),))).equal


def test_a_rule_for_one_element_holds_for_that_place() -> None:
    rules = Compare(ignore=(IgnoreRule(path="$[0].at"),))
    assert found([{"at": 1}, {"at": 1}], [{"at": 2}, {"at": 2}], rules) == [("value", "$[*].at")]


def test_an_unordered_array_is_compared_as_a_multiset() -> None:
    rules = Compare(unordered=("$.tags",))
    assert compared({"tags": ["a", "b", "a"]}, {"tags": ["a", "a", "b"]}, rules).equal
    assert found({"tags": ["a", "b", "a"]}, {"tags": ["b", "b", "a"]}, rules) == [("value", "$.tags[*]")]
    assert found({"tags": ["a"]}, {"tags": ["b", "a"]}, rules) == [("extra", "$.tags[*]")]


def test_an_unordered_array_of_near_numbers_finds_a_partner_for_each() -> None:
    rules = Compare(unordered=("$",), tolerance={"$": Tolerance(absolute=0.005)})
    assert compared([1.004, 1.0], [1.004, 1.008], rules).equal


@pytest.mark.parametrize(
    ("left", "right", "tolerance", "equal"),
    [
        ("10.00", "10.005", Tolerance(absolute=0.005), True),
        ("10.00", "10.0051", Tolerance(absolute=0.005), False),
        ("0.3", "0.30000000000000004", Tolerance(absolute=1e-9), True),
        ("100", "101", Tolerance(relative=0.01), True),
        ("100", "101.1", Tolerance(relative=0.01), False),
        ("-100", "100", Tolerance(relative=0.01), False),
        ("1e999999", "1e999998", Tolerance(relative=0.01), False),
        ("NaN", "1", Tolerance(absolute=5), False),
        ("1" * 5000, "1" * 4999 + "2", Tolerance(absolute=5), False),
        ('"12.30"', '"12.304"', Tolerance(absolute=0.005), True),
        ('"12.30"', "12.304", Tolerance(absolute=0.005), False),
        ('"12.30 EUR"', '"12.304 EUR"', Tolerance(absolute=0.005), False),
    ],
)  # fmt: skip
def test_a_tolerance_is_for_numbers_also_those_in_quotes(
    left: str, right: str, tolerance: Tolerance, equal: bool
) -> None:
    bodies = [f'{{"price": {side}}}'.encode() for side in (left, right)]
    rules = Compare(tolerance={"$.price": tolerance})
    assert compared(bodies[0], bodies[1], rules, content_type=JSON).equal is equal


def test_a_mask_takes_out_what_it_matches_also_below_its_path() -> None:
    rules = Compare(mask={"$.links": r"token=[a-z0-9]+"})
    left, right = {"links": {"next": "/a?token=1f&p=2"}}, {"links": {"next": "/a?token=2e&p=2"}}
    assert compared(left, right, rules).equal
    assert found({**left, "x": "token=1"}, {**left, "x": "token=2"}, rules) == [("value", "$.x")]
    assert compared({"links": "token=1 \ud800"}, {"links": "token=2 \ud800"}, rules).equal


def test_null_may_be_the_same_as_nothing() -> None:
    left, right = {"a": None, "b": [1, None]}, {"b": [1, None]}
    assert found(left, right) == [("missing", "$.a")]
    assert compared(left, right, Compare(null_is_missing=True)).equal
    assert not compared([1], [1, None], Compare(null_is_missing=True)).equal


def test_long_texts_are_shown_from_where_they_differ() -> None:
    difference = compared({"a": "x" * 5000 + "one"}, {"a": "x" * 5000 + "two"}).differences[0]
    assert difference.left is not None
    assert difference.left.endswith("xone")
    assert len(difference.left) <= 200
    assert difference.right is not None
    assert difference.right.endswith("xtwo")


def test_what_is_shown_is_printable() -> None:
    difference = compared({"a": "\x1b[2J\u202e"}, {"a": "\ud800"}).differences[0]
    assert difference.left == "\\x1b[2J\\u202e"
    assert difference.right == "\\ud800"


def test_differences_are_kept_up_to_a_bound_and_counted_above_it() -> None:
    names = [f"f{chr(97 + at // 26)}{chr(97 + at % 26)}" for at in range(300)]
    comparison = compared(dict.fromkeys(names, 1), dict.fromkeys(names, 2))
    assert (len(comparison.differences), comparison.more) == (100, 200)


def test_nested_arrays_cost_no_more_than_their_size() -> None:
    def nested(inner: object) -> object:
        for _ in range(60):
            inner = [inner, [inner]] if isinstance(inner, int) else [inner]
        return inner

    comparison = compared(nested(1), nested(2))
    assert comparison.undecided is None
    assert len(comparison.differences) == 2
