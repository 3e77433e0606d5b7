"""JSON masked by spans: whatever it is, valid or not, what is no secret stays as it was."""

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.redaction.json_text import JsonRedaction
from proxy.wire.redaction.marks import MARK, Marks
from proxy.wire.redaction.names import SecretNames
from proxy.wire.redaction.text import TextRedaction

NAMES = SecretNames()
SECRET = "planted2secret"
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text('ab \\"{[é😀\n', max_size=6)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b c", "ä"]), inner)),
    max_leaves=8,
)


def masked(text: str) -> str:
    return JsonRedaction(NAMES, TextRedaction(NAMES, (), Marks())).json(text)


@given(TREES, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_json_without_a_secret_stays_to_the_byte(tree: object, ascii_only: bool, indent: int | str | None) -> None:
    text = json.dumps(tree, ensure_ascii=ascii_only, indent=indent)
    assert masked(text) == text


@given(TREES, TREES, st.booleans())
def test_what_stands_around_a_secret_stays(before: object, after: object, ascii_only: bool) -> None:
    tree = {"before": before, "inner": [{"password": SECRET}], "after": after}
    found = json.loads(masked(json.dumps(tree, ensure_ascii=ascii_only)))
    assert found == tree | {"inner": [{"password": "***1"}]}


def leaves(tree: object) -> list[object]:
    if isinstance(tree, dict | list):
        return [leaf for each in (tree.values() if isinstance(tree, dict) else tree) for leaf in leaves(each)]
    return [tree]


@given(TREES)
def test_everything_below_a_secret_name_is_masked(tree: object) -> None:
    for leaf in leaves(json.loads(masked(json.dumps({"credentials": tree})))):
        assert leaf in (None, True, False, "") or MARK.fullmatch(str(leaf))


@given(st.text('{}[]",:\\ab1 \n', max_size=40))
def test_what_is_no_json_is_kept_but_for_its_secrets(noise: str) -> None:
    assert masked(noise) == noise
    assert SECRET not in masked(f'{{"a": 1, "token": "{SECRET}", {noise}')
