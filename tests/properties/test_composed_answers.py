"""A composed answer is its parts, whatever they are: nothing lost, nothing changed, always JSON."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.config.policy import AggregatePart
from proxy.gateway.composition import Result, compose_answer
from proxy.gateway.part import Content, Failure, PartAnswer, judge
from proxy.wire.json_text import MAX_DEPTH, is_deep, is_json

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
texts = st.builds(
    lambda value, ascii_only, spaced: json.dumps(value, ensure_ascii=ascii_only, indent=1 if spaced else None).encode(
        "utf-8", "surrogatepass"
    ),
    values, st.booleans(), st.booleans(),
)  # fmt: skip
failures = st.builds(
    Failure, st.sampled_from([404, 502, 503, 504]), st.sampled_from(["timeout", "not_json", "http_error"])
)


@st.composite
def filled(draw: st.DrawFn) -> list[tuple[AggregatePart, Result]]:
    names = draw(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), unique=True, min_size=1, max_size=5))
    return [
        (
            AggregatePart(name, "upstream", "/", default=draw(values)),
            draw(texts.map(lambda text: judge(PartAnswer(200, (), text))) | failures),
        )
        for name in names
    ]


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(filled())
def test_every_part_can_be_read_back_and_what_is_missing_is_named(pairs: list[tuple[AggregatePart, Result]]) -> None:
    answer = compose_answer([part for part, _ in pairs], [result for _, result in pairs], "id")

    read = json.loads(answer.body)
    errors = read.pop("_errors", {})
    assert list(read) == [part.name for part, _ in pairs]
    for part, result in pairs:
        expected = json.loads(result.text) if isinstance(result, Content) else part.default
        assert read[part.name] == expected
        assert (part.name in errors) == isinstance(result, Failure)
    assert is_json(answer.body)
    assert any(line.startswith(b"X-Partial: ") for line in answer.lines) == bool(errors)


@given(filled())
def test_the_same_results_give_the_same_bytes(pairs: list[tuple[AggregatePart, Result]]) -> None:
    parts, results = [part for part, _ in pairs], [result for _, result in pairs]
    assert compose_answer(parts, results, "id") == compose_answer(parts, results, "id")


@given(texts)
def test_whatever_is_json_is_mounted_byte_for_byte(text: bytes) -> None:
    assert judge(PartAnswer(200, (), text)) == (Content(text) if is_utf8(text) else Failure(502, "not_json"))


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(values, st.integers(0, 2 * MAX_DEPTH))
def test_depth_is_that_of_the_value(value: Any, more: int) -> None:
    for level in range(more):
        value = [value] if level % 2 else {"[": value}
    assert is_deep(json.dumps(value).encode()) == (depth(value) > MAX_DEPTH)


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:1\\ ', max_size=200).map(str.encode))
def test_anything_at_all_is_judged(body: bytes) -> None:
    judged = judge(PartAnswer(200, (), body))
    assert isinstance(judged, Failure) or json.loads(judged.text) == json.loads(body)
