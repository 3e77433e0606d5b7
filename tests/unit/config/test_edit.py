"""Edits: what changes, what stays, and what is left to a person."""

import difflib
import re

import pytest

from proxy.config import ConfigError
from proxy.config.edit import (
    EditRefused,
    add_key,
    append_item,
    route_location,
    route_texts,
    set_scalar,
    set_scalars,
)
from proxy.config.spans import Plain

FILE = """\
# the shop
version: 1   # of the format

routes:
  # the first one
  - name: pages   # read by everybody
    match: { path: "/api/products/**", methods: [GET] }
    stage: legacy # for now
    canary: {weight: 5%, 'hold': "15m"}
    compare:
      ignore:
        - { header: Date }   # a clock
        # - { header: Age }

  - name: "orders"
    stage: 'legacy'
    to: orders

  - {name: cart, stage: legacy, compare: {ignore: []}}
"""
PAGES, ORDERS, CART = (("routes", index) for index in range(3))
RULE: Plain = {"path": "$.items[*].at", "because": "each has its own clock", "until": "2027-03-01"}
WRITTEN = '{ path: "$.items[*].at", because: each has its own clock, until: 2027-03-01 }'


def changed(before: str, after: str) -> list[str]:
    """The lines that differ, with - and + before them."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not re.match(r"---|\+\+\+|@@", line)]


def test_a_route_is_found_by_its_name() -> None:
    assert route_location(FILE, "orders") == ORDERS
    assert route_location("\ufeff" + FILE, "cart") == CART


def test_a_route_that_is_not_there_is_told_with_its_neighbour() -> None:
    with pytest.raises(EditRefused, match=r'no route is named "order" \(hint: did you mean "orders"\?\)'):
        route_location(FILE, "order")
    with pytest.raises(EditRefused, match="no route is named"):
        route_location("version: 1", "order")


@pytest.mark.parametrize(
    ("location", "value", "line"),
    [
        ((*PAGES, "stage"), "cutover", "    stage: cutover # for now"),
        ((*ORDERS, "stage"), "cutover", "    stage: 'cutover'"),
        ((*PAGES, "canary", "weight"), "25%", "    canary: {weight: 25%, 'hold': \"15m\"}"),
        ((*PAGES, "canary", "hold"), "1h", "    canary: {weight: 5%, 'hold': \"1h\"}"),
        (("version",), 2, "version: 2   # of the format"),
        ((*CART, "stage"), "off: yes", '  - {name: cart, stage: "off: yes", compare: {ignore: []}}'),
        ((*PAGES, "match", "methods", 0), "HEAD", '    match: { path: "/api/products/**", methods: [HEAD] }'),
    ],
)
def test_a_value_is_replaced_in_its_line_and_its_quotes(location: tuple[str | int, ...], value: str, line: str) -> None:
    after = set_scalar(FILE, location, value)
    minus, plus = changed(FILE, after)
    assert minus.startswith("-")
    assert plus == f"+{line}"


def test_a_value_that_is_not_there_gets_a_line_of_its_own() -> None:
    assert changed(FILE, set_scalar(FILE, (*PAGES, "owner"), "team a")) == ["+    owner: team a"]
    assert changed(FILE, set_scalar(FILE, (*CART, "owner"), "a")) == [
        "-  - {name: cart, stage: legacy, compare: {ignore: []}}",
        "+  - {name: cart, stage: legacy, compare: {ignore: []}, owner: a}",
    ]


HARD = [
    *(
        "true",
        "1",
        "1.0",
        "null",
        "~",
        "",
        " x",
        "a: b",
        "a #b",
        "- a",
        "*a",
        "&a",
        "{a",
        "[a",
        "a,b",
        "%a",
        "@a",
        "`a",
    ),
    *("'", '"', "\\", "é", "\n", "\x85", "\u2028", "😀", "---", "a\tb", "${HOME}", "$$", "$${x", "a$"),
]


@pytest.mark.parametrize("value", HARD)
def test_any_text_is_written_so_that_it_means_itself(value: str) -> None:
    from proxy.config.document import parse
    from proxy.config.nodes import plain
    from proxy.config.substitution import Substitution

    for location in ((*PAGES, "stage"), (*ORDERS, "stage"), (*CART, "stage"), (*PAGES, "owner")):
        document = parse(set_scalar(FILE, location, value), "routes.yaml", Substitution({}, str))
        assert document.problems == ()
        assert plain(document.node(location)) == value


def test_what_is_missing_on_the_way_to_a_value_is_written_in_the_same_line() -> None:
    assert changed(FILE, set_scalar(FILE, (*ORDERS, "canary", "weight"), "1%")) == ["+    canary: { weight: 1% }"]
    assert set_scalar("a:\n  canary:\n  b: 1\n", ("a", "canary", "weight"), "1%") == (
        "a:\n  canary: { weight: 1% }\n  b: 1\n"
    )


def test_several_values_are_set_at_once() -> None:
    after = set_scalars(FILE, [((*CART, "stage"), "shadow"), ((*PAGES, "stage"), "legacy"), ((*ORDERS, "owner"), "a")])
    assert changed(FILE, after) == [
        "+    owner: a",
        "-  - {name: cart, stage: legacy, compare: {ignore: []}}",
        "+  - {name: cart, stage: shadow, compare: {ignore: []}}",
    ]


def test_the_text_of_a_route_is_its_own_lines_and_no_neighbours() -> None:
    text = route_texts(FILE)["orders"]
    assert text == "name: \"orders\"\n    stage: 'legacy'\n    to: orders"
    assert route_texts("\ufeff# more above\n" + FILE.replace("cart", "basket"))["orders"] == text
    assert route_texts(FILE.replace("to: orders", "to: basket"))["orders"] != text


def test_an_item_goes_behind_the_last_one_and_its_comment() -> None:
    after = append_item(FILE, (*PAGES, "compare", "ignore"), RULE)
    assert changed(FILE, after) == [f"+        - {WRITTEN}"]
    assert after.splitlines()[12] == f"        - {WRITTEN}"


def test_what_is_missing_on_the_way_to_a_list_is_written_in_the_same_line() -> None:
    after = append_item(FILE, (*ORDERS, "compare", "ignore"), RULE)
    assert changed(FILE, after) == [f"+    compare: {{ ignore: [{WRITTEN}] }}"]
    assert after.splitlines()[17] == f"    compare: {{ ignore: [{WRITTEN}] }}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: []", "a: [x]"),
        ("a: [ ]", "a: [x]"),
        ("a: [b]", "a: [b, x]"),
        ("a: [b, ]", "a: [b, x, ]"),
        ("a: [b # c\n  ]", "a: [b, x # c\n  ]"),
        ("a:\n- b\n", "a:\n- b\n- x\n"),
        ("a:\n  -   b\nc: 1\n", "a:\n  -   b\n  - x\nc: 1\n"),
        ("a:\n  - b: 1\n    c: 2", "a:\n  - b: 1\n    c: 2\n  - x"),
        ("a:\n  -\n    b: 1\n", "a:\n  -\n    b: 1\n  - x\n"),
        ("a:\n  - |\n    b\n    c\nd: 1\n", "a:\n  - |\n    b\n    c\n  - x\nd: 1\n"),
        ("a:\n  - - b\n    - c\n", "a:\n  - - b\n    - c\n  - x\n"),
        ("a:\n  - &n b\n  - *n\n", "a:\n  - &n b\n  - *n\n  - x\n"),
        ("a:\n  - b\r\n  - c\r\nd: 1\r\n", "a:\n  - b\r\n  - c\r\n  - x\r\nd: 1\r\n"),
        ("a:\nb: 1\n", "a: [x]\nb: 1\n"),
        ("b: 1\n", "b: 1\na: [x]\n"),
        ("b: 1", "b: 1\na: [x]"),
    ],
)
def test_a_list_of_any_layout_takes_an_item(before: str, after: str) -> None:
    assert append_item(before, ("a",), "x") == after


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    before = "\ufeff" + FILE.replace("\n", "\r\n")
    after = append_item(before, (*PAGES, "compare", "ignore"), RULE)
    assert after.startswith("\ufeff# the shop\r\n")
    assert after.count("\n") == after.count("\r\n") == before.count("\r\n") + 1


def test_a_key_is_added_once() -> None:
    assert changed(FILE, add_key(FILE, ORDERS, "shadow", {})) == ["+    shadow: {  }"]
    with pytest.raises(EditRefused, match='"to" is there already'):
        add_key(FILE, ORDERS, "to", "x")


@pytest.mark.parametrize(
    ("text", "location", "said"),
    [
        ("a: &n b\nc: *n\n", ("a",), "without changing something else"),
        ("a: ${X}\n", ("a",), "from outside the file"),
        ("a: |\n  b\n", ("a",), "several lines"),
        ("a: { b: 1 }\n", ("a",), "no single value"),
        ("a: 1\n", ("a", "b"), "a is no mapping"),
        ("a: [b]\n", ("a", "b"), "a is no mapping"),
        ("a: 1\n", ("b", 0), "b is no mapping|has no item"),
        ("a: 1\na: 2\n", ("a",), 'the key "a" is repeated'),
    ],
)
def test_what_is_not_clear_is_left_to_a_person(text: str, location: tuple[str, ...], said: str) -> None:
    with pytest.raises(EditRefused, match=said):
        set_scalar(text, location, "x")


def test_an_alias_is_replaced_where_it_stands() -> None:
    assert set_scalar("a: &n b\nc: *n\n", ("c",), "x") == "a: &n b\nc: x\n"


def test_an_item_below_what_an_alias_shares_is_refused() -> None:
    with pytest.raises(EditRefused, match="without changing something else"):
        append_item("a: &n\n  - b\nc: *n\n", ("a",), "x")
    with pytest.raises(EditRefused, match="is no list"):
        append_item("a: b\n", ("a",), "x")


@pytest.mark.parametrize("text", ["a: [", "- a\n", "", "a: 1\n---\nb: 2\n", "\t"])
def test_what_is_no_file_of_ours_is_not_edited(text: str) -> None:
    with pytest.raises(ConfigError):
        set_scalar(text, ("a",), 1)
