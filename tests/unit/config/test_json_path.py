"""Which JSON paths are read, into which steps, and what is said of the others."""

import jsonpath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.json_path import MAX_LENGTH, MAX_STEPS, JsonPath, Step, json_path, parse_path
from proxy.config.refused import Refused

A, B = Step("a"), Step("b")


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("$", ()),
        ("$.a.b", (A, B)),
        ("$['a'][\"b\"]", (A, B)),
        ("$.items[*].price", (Step("items"), Step(None), Step("price"))),
        ("$.*", (Step(None),)),
        ("$[0][12]", (Step(0), Step(12))),
        ("$..a", (Step("a", descends=True),)),
        ("$..*", (Step(None, descends=True),)),
        ("$..[*]", (Step(None, descends=True),)),
        ("$..[0]", (Step(0, descends=True),)),
        ("$..['a-b']", (Step("a-b", descends=True),)),
        ("$.größe._1", (Step("größe"), Step("_1"))),
        ("$['']", (Step(""),)),
        ("$ .a [ 'b' ]", (A, B)),
        (r"$['it\'s\n\u00e9\ud83d\ude00']", (Step("it's\né😀"),)),
        ("$['0']", (Step("0"),)),
    ],
)
def test_a_path_is_read_into_steps(text: str, steps: JsonPath) -> None:
    assert parse_path(text) == steps
    assert json_path(text) == text


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("price", "it begins with $", "did you mean $.price?"),
        (".a", "it begins with $", "did you mean $.a?"),
        ("/a/b", "it begins with $", "$.name, ['name'], [0], [*] and ..name work"),
        ("$a", "from its character 2 on", "did you mean $.a?"),
        ("$.", "from its character 3 on", "a name, or *, is missing at its end"),
        ("$..", "from its character 4 on", "a name, or *, is missing at its end"),
        ("$.a.", "from its character 5 on", "a name, or *, is missing at its end"),
        ("$.a-b", "from its character 4 on", "is quoted: ['a-b']"),
        ("$.1st", "from its character 3 on", "is quoted: ['1st']"),
        ("$[name]", "from its character 3 on", "a name in brackets is quoted: ['name']"),
        ("$[-1]", "from its character 3 on", "elements are counted from the start"),
        ("$[1:2]", "from its character 4 on", "slices are not read"),
        ("$[:]", "from its character 3 on", "slices are not read"),
        ("$['a','b']", "from its character 6 on", "write a path for each"),
        ("$[?@.a == 1]", "from its character 3 on", "filters are not read"),
        ("$.a.length()", "from its character 11 on", "functions are not read"),
        ("$[0", "from its character 4 on", "] is missing"),
        ("$['a", "from its character 3 on", "work"),
        ("$[01]", "from its character 3 on", "work"),
        ("$[9007199254740992]", "from its character 3 on", "work"),
        ("$.a ", "ends with a blank", None),
        ("$" + ".a" * (MAX_STEPS + 1), f"more than {MAX_STEPS} steps", None),
        ("$." + "a" * MAX_LENGTH, f"at most {MAX_LENGTH} are taken", None),
        (r"$['\ud83d']", "half of a surrogate pair", None),
    ],
)
def test_what_is_no_path_is_told_where_and_why(text: str, reason: str, hint: str | None) -> None:
    with pytest.raises(Refused) as caught:
        parse_path(text)
    assert reason in caught.value.reason
    assert (hint is None and caught.value.hint is None) or (hint or "?") in (caught.value.hint or "")


def test_a_number_is_no_path() -> None:
    with pytest.raises(Refused):
        json_path(7)


_PIECES = st.sampled_from(
    ["$", ".", "..", "*", "[", "]", "'", '"', "a", "_b", "é", "0", "7", " ", "-", "\\", "\\u0041"]
)


@given(st.lists(_PIECES, max_size=9).map(lambda pieces: "$" + "".join(pieces)))
def test_every_text_is_read_or_refused_and_what_is_read_is_a_path_by_the_standard(text: str) -> None:
    try:
        parse_path(text)
    except Refused:
        return
    jsonpath.compile(text, strict=True)
