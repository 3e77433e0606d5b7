"""Our reading of the schemas, held against the jsonschema package's."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from extracted_services.contracts.envelope import SUBJECTS
from extracted_services.contracts.schemas import load_schemas
from extracted_services.contracts.shapes import Check, Mismatch, Schema, compile_schema
from extracted_services.contracts.tests.examples import make_event

SCHEMAS = load_schemas()
REGISTRY = Registry().with_resources(
    [(name, DRAFT202012.create_resource(dict(schema))) for name, schema in SCHEMAS.items()]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**54)
    | st.sampled_from(["", "EUR", "1.00", "2026-03-01T09:30:00.000Z", "pending", "MUG-0001", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["sku", "amount", "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)


def resolve(reference: str) -> tuple[Schema, str]:
    document, _, way = reference.partition("#")
    schema: Any = SCHEMAS[document]
    for step in way.strip("/").split("/"):
        schema = schema[step]
    return schema, document


OURS: dict[str, Check] = {
    name: compile_schema(SCHEMAS[f"{name}.v1.json"], f"{name}.v1.json", resolve) for name in SUBJECTS
}
THEIRS: dict[str, Validator] = {
    name: Draft202012Validator(dict(SCHEMAS[f"{name}.v1.json"]), registry=REGISTRY) for name in SUBJECTS
}


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for step, item in inner for place in places(item, (*at, step)))]


def fits(check: Check, value: Any) -> bool:
    try:
        check(value)
    except Mismatch:
        return False
    return True


@given(st.data())
def test_a_changed_event_fits_here_exactly_when_it_fits_jsonschema(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(SUBJECTS)))
    document = json.loads(json.dumps(make_event(name).data))
    *way, last = data.draw(st.sampled_from([place for place in places(document) if place]))
    inside = document
    for step in way:
        inside = inside[step]
    if data.draw(st.booleans()):
        inside[last] = data.draw(VALUES)
    elif isinstance(inside, dict):
        del inside[last]

    assert fits(OURS[name], document) == THEIRS[name].is_valid(document)


def test_the_schemas_themselves_are_valid() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "keyword", [{"format": "uuid"}, {"oneOf": []}, {"uniqueItems": True}, {"type": ["string", "null"]}]
)
def test_a_keyword_that_is_not_known_is_refused_and_not_ignored(keyword: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not known"):
        compile_schema(keyword, "x.v1.json", resolve)


def test_any_of_is_known_as_something_or_null_only() -> None:
    with pytest.raises(ValueError, match="anyOf"):
        compile_schema({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "x.v1.json", resolve)


def test_a_line_feed_at_the_end_does_not_slip_through_a_pattern() -> None:
    check = compile_schema({"type": "string", "pattern": "^[0-9]{4}$"}, "x.v1.json", resolve)

    assert fits(check, "4242")
    assert not fits(check, "4242\n")


def test_a_mismatch_tells_the_way_to_the_value() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "integer"}}}
    check = compile_schema(schema, "x.v1.json", resolve)

    with pytest.raises(Mismatch) as mismatch:
        check({"a": [1, "2"]})
    assert str(mismatch.value) == "a[1] must be a whole number"
