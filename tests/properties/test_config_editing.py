"""Random files and random edits: either the one thing changes, or the edit is refused; the rest stays to the letter."""

import difflib

from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.config.core_schema import resolve
from proxy.config.document import parse
from proxy.config.edit import EditRefused, append_item, set_scalar
from proxy.config.nodes import plain
from proxy.config.render import render
from proxy.config.spans import Plain
from proxy.config.substitution import Substitution

KEYS = ("a", "b", "c d", "stage")
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=8)
COMMENTS = st.sampled_from(["", "   # why", " # - a: [b]"])
BREAKS = st.sampled_from(["\n", "\r\n"])


def says(text: str) -> object:
    """What a file says; its references are left alone."""
    return plain(parse(text, "routes.yaml", Substitution({}, str)).root)


@st.composite
def scalars(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(["x", "1", "true", "'it''s'", '"q\\"u"', "5%", "''", "a b", "~"]))
    return text + draw(COMMENTS)


def block(indent: int) -> st.SearchStrategy[list[str]]:
    """Lines of a mapping, at any width, of values of any kind."""

    @st.composite
    def lines(draw: st.DrawFn) -> list[str]:
        found: list[str] = []
        for key in draw(st.lists(st.sampled_from(KEYS), min_size=1, unique=True)):
            found += draw(st.sampled_from([[], [""], ["# above"]]))
            found += [" " * indent + line for line in draw(member(key, indent))]
        return found

    return lines()


@st.composite
def member(draw: st.DrawFn, key: str, indent: int) -> list[str]:
    kind = draw(st.integers(0, 5 if indent < 3 else 3))
    step = draw(st.integers(1, 3))
    if kind <= 1:
        return [f"{key}: {draw(scalars())}"]
    if kind == 2:
        return [f"{key}:{draw(COMMENTS)}"]
    if kind == 3:
        inner = draw(st.sampled_from(["[]", "[x, y]", "[ 'a', ]", "{}", "{ k: v }", "{k: [1, 2],}", "{k: {}}"]))
        return [f"{key}: {inner}{draw(COMMENTS)}"]
    if kind == 4:
        return [f"{key}:{draw(COMMENTS)}", *(" " * step + line for line in draw(block(indent + 1)))]
    items = draw(st.lists(scalars(), min_size=1, max_size=3))
    return [f"{key}:{draw(COMMENTS)}", *(" " * step + f"-{' ' * step}{item}" for item in items)]


@st.composite
def files(draw: st.DrawFn) -> str:
    end = draw(BREAKS)
    return draw(st.sampled_from(["", "\ufeff"])) + end.join(draw(block(0))) + draw(st.sampled_from(["", end, end * 2]))


LOCATIONS = st.lists(st.one_of(st.sampled_from((*KEYS, "k", "new")), st.integers(0, 2)), min_size=1, max_size=4).map(
    tuple
)
VALUES = st.one_of(TEXTS, st.integers(-99, 99), st.booleans())


def changed(tree: object, location: tuple[str | int, ...], value: object, *, append: bool) -> object:
    """`tree` as it should be afterwards, worked out in another way than the edit does."""
    if not location:
        return [*(tree if isinstance(tree, list) else []), value] if append else value
    first, *rest = location
    if isinstance(first, int):
        assert isinstance(tree, list)
        return [changed(item, tuple(rest), value, append=append) if n == first else item for n, item in enumerate(tree)]
    assert tree is None or isinstance(tree, dict)
    known = tree or {}
    return {**known, str(first): changed(known.get(str(first)), tuple(rest), value, append=append)}


def check(before: str, after: str, location: tuple[str | int, ...], value: object, *, append: bool) -> None:
    assert repr(says(after)) == repr(changed(says(before), location, value, append=append))
    assert after.startswith("\ufeff") == before.startswith("\ufeff")
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    assert sum(line.startswith("+ ") for line in lines) <= 1
    assert sum(line.startswith("- ") for line in lines) <= 1


@given(files(), LOCATIONS, VALUES)
def test_a_value_is_set_or_refused(before: str, location: tuple[str | int, ...], value: str | int | bool) -> None:
    assume("\n" not in str(value))
    try:
        after = set_scalar(before, location, value)
    except EditRefused:
        return
    check(before, after, location, value, append=False)


@given(files(), LOCATIONS, st.one_of(VALUES, st.dictionaries(st.sampled_from(["path", "because"]), TEXTS, min_size=1)))
def test_an_item_is_appended_or_refused(before: str, location: tuple[str | int, ...], item: Plain) -> None:
    try:
        after = append_item(before, location, item)
    except EditRefused:
        return
    check(before, after, location, item, append=True)


@given(files(), st.sampled_from(KEYS), VALUES)
def test_a_value_of_the_topmost_mapping_can_always_be_set(before: str, key: str, value: str | int | bool) -> None:
    found = says(before)
    assert isinstance(found, dict)
    assume(not isinstance(found.get(key), dict | list))
    check(before, set_scalar(before, (key,), value), (key,), value, append=False)


@given(TEXTS)
def test_a_text_written_plain_is_one_that_stays_a_text(text: str) -> None:
    written = render(text)
    assert written != text or resolve(text) == text
    assert "\n" not in written
