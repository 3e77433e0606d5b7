"""What holds for every comparison: equal to itself, the same from both sides, total, and lenient by rules alone."""

import json
from collections import Counter
from datetime import date

import jsonpath
from hypothesis import given
from hypothesis import strategies as st

from proxy.comparison.compare import compare
from proxy.comparison.difference import Comparison, Kind
from proxy.comparison.path import Paths
from proxy.comparison.rules import Rules, compile_rules
from proxy.config.compare import Compare, IgnoreRule, Tolerance
from proxy.config.json_path import parse_path
from proxy.wire.exchange import CapturedAnswer

NAMES = st.sampled_from(["a", "b", "id", "it's", "7"])
LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from(["", "x", "1.5", "é"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=15
)
STEPS = st.sampled_from([".a", ".b", "['it\\'s']", "[0]", "[2]", "[*]", ".*", "..a", "..b", "..*", "..[1]"])
PATHS = st.lists(STEPS, max_size=4).map(lambda steps: "$" + "".join(steps))
RULES = st.builds(
    lambda ignore, unordered, tolerance, mask, null: compile_rules(
        Compare(
            ignore=tuple(IgnoreRule(path=path) for path in ignore),
            unordered=tuple(unordered),
            tolerance={path: Tolerance(absolute=0.5) for path in tolerance},
            mask=dict.fromkeys(mask, "[0-9]"),
            null_is_missing=null,
        ),
        today=date(2026, 1, 1),
    ),
    *(st.lists(PATHS, max_size=2) for _ in range(4)),
    st.booleans(),
)
PLAIN = compile_rules(today=date(2026, 1, 1))
CONTENT_TYPES = st.sampled_from(
    ["application/json", "text/html", "text/plain", "application/x-www-form-urlencoded", "image/png", "a;charset=x", ""]
)
FIELDS = st.lists(
    st.tuples(
        st.sampled_from(["Location", "Set-Cookie", "Vary", "WWW-Authenticate", "Content-Encoding", "Cache-Control"]),
        st.text(st.characters(max_codepoint=255), max_size=12) | st.sampled_from(["gzip", "//a/x", "//[", "a=b;c"]),
    ),
    max_size=3,
)
GARBAGE = st.builds(
    lambda status, kind, fields, body, cut: CapturedAnswer(status, (("Content-Type", kind), *fields), body, 0.1, cut),
    st.sampled_from([200, 201, 302, 401, 404, 500]),
    CONTENT_TYPES,
    FIELDS,
    st.binary(max_size=40) | st.text("<>/ab \"'=&[]{},:1e\\u", max_size=40).map(str.encode),
    st.booleans(),
)  # fmt: skip
MIRRORED = {Kind.MISSING: Kind.EXTRA, Kind.EXTRA: Kind.MISSING}


def answer(value: object) -> CapturedAnswer:
    return CapturedAnswer(200, (("Content-Type", "application/json"),), json.dumps(value).encode(), 0.1)


def names(comparison: Comparison, *, mirrored: bool = False) -> Counter[tuple[Kind, str]]:
    kinds = MIRRORED if mirrored else {}
    return Counter((kinds.get(item.kind, item.kind), item.path) for item in comparison.differences)


@given(VALUES, RULES)
def test_a_value_is_equal_to_itself_however_it_is_written(value: object, rules: Rules) -> None:
    spaced = CapturedAnswer(200, (("Content-Type", "application/json"),), json.dumps(value, indent=1).encode(), 0.1)
    assert compare(answer(value), spaced, rules).equal


@given(VALUES, VALUES, RULES)
def test_the_sides_may_be_exchanged(left: object, right: object, rules: Rules) -> None:
    there, back = compare(answer(left), answer(right), rules), compare(answer(right), answer(left), rules)
    assert names(there) == names(back, mirrored=True)


@given(VALUES, VALUES)
def test_values_that_are_written_differently_differ(left: object, right: object) -> None:
    same = json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
    assert compare(answer(left), answer(right), PLAIN).equal is same


@given(VALUES, VALUES, RULES)
def test_rules_never_make_equal_values_differ(left: object, right: object, rules: Rules) -> None:
    if compare(answer(left), answer(right), PLAIN).equal:
        assert compare(answer(left), answer(right), rules).equal


@given(GARBAGE, GARBAGE, RULES)
def test_whatever_comes_is_compared_and_bounded(left: CapturedAnswer, right: CapturedAnswer, rules: Rules) -> None:
    there, back = (compare(one, other, rules, hosts=("a", "b:1")) for one, other in ((left, right), (right, left)))
    assert names(there) == names(back, mirrored=True)
    assert there.undecided == back.undecided
    for item in there.differences:
        for text in (item.left or "", item.right or "", item.path, item.place):
            assert text.isprintable()
            assert len(text) <= 1000
    if not left.cut:
        assert compare(left, left, rules).equal


@given(VALUES.filter(lambda value: isinstance(value, dict | list)), PATHS)
def test_paths_select_what_the_oracle_selects(value: dict[str, object] | list[object], path: str) -> None:
    paths = Paths([parse_path(path)], lambda here, reach: bool(here))
    selected: Counter[tuple[object, ...]] = Counter()
    waiting: list[tuple[object, tuple[object, ...]]] = [(value, ())]
    while waiting:
        node, way = waiting.pop()
        state = paths.start
        for key in way:
            state = state.member(key) if isinstance(key, str) else state.element(int(str(key)))
        if state.meaning:
            selected[way] += 1
        below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        waiting += [(child, (*way, key)) for key, child in below]
    assert set(selected) == {match.parts for match in jsonpath.finditer(path, value)}
