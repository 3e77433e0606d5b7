"""The monolith and the services read requests alike: bodies are refused in the same words, and hash the same."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracted_services.chassis import paging
from extracted_services.chassis.answers import fingerprint
from extracted_services.chassis.web import fields
from legacy_monolith import conftest as _configures_django  # noqa: F401 - before its models are imported
from legacy_monolith.api import fields as monoliths_fields
from legacy_monolith.api.idempotency import fingerprint as monoliths_fingerprint
from legacy_monolith.api.paging import decode_cursor as monoliths_cursor

FORMS = {
    "order": (
        fields.record(lines=fields.lines, shipping_address=fields.address, card=fields.card),
        monoliths_fields.record(
            lines=monoliths_fields.lines, shipping_address=monoliths_fields.address, card=monoliths_fields.card
        ),
    ),
    "payment": (
        fields.record(order_id=fields.uuid, amount=fields.money, card=fields.card),
        monoliths_fields.record(
            order_id=monoliths_fields.uuid, amount=monoliths_fields.money, card=monoliths_fields.card
        ),
    ),
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 200)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(
        ["MUG-1", "DK", "1050", "12.30", "EUR", "4242424242424242", "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11"]
    )
)
NAMES = st.sampled_from(
    [
        "lines",
        "sku",
        "quantity",
        "shipping_address",
        "name",
        "street",
        "postcode",
        "city",
        "country",
        "card",
        "number",
        "order_id",
        "amount",
        "currency",
        "x",
    ]
)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))
LINES = st.lists(
    st.fixed_dictionaries(
        {"sku": st.sampled_from(["A", "B-1", "b", ""]), "quantity": st.sampled_from([1, 2.0, 99, 0])}
    ),
    max_size=3,
)
GOOD = {
    "name": "Alice Larsen",
    "street": "Harbour Street 12",
    "postcode": "1050",
    "city": "København",
    "country": "DK",
}
ALMOST = st.fixed_dictionaries(
    {"lines": LINES | ANYTHING, "shipping_address": st.just(GOOD) | ANYTHING, "card": ANYTHING},
    optional={
        "order_id": SCALARS,
        "amount": st.fixed_dictionaries({"amount": SCALARS, "currency": st.sampled_from(["EUR", "USD"])}),
    },
)


KEYS = (
    (paging.BY_SKU, monoliths_fields.SKU_PATTERN),
    (paging.NEWEST_FIRST, monoliths_fields.UUID_PATTERN),
)


def errors_of(form: Callable[[object, str, list[Any]], object], document: object) -> list[tuple[str, str]]:
    found: list[Any] = []
    form(document, "", found)
    return [(error.field, error.message) for error in found]


@pytest.mark.parametrize("name", FORMS)
@given(document=ALMOST | ANYTHING)
def test_a_body_is_judged_in_the_same_words(name: str, document: object) -> None:
    ours, theirs = FORMS[name]

    assert errors_of(ours, document) == errors_of(theirs, document)


@given(ALMOST | ANYTHING)
def test_a_body_has_the_same_fingerprint_on_both_sides(document: object) -> None:
    assert fingerprint(document) == monoliths_fingerprint(document)
    assert fingerprint(json.loads(json.dumps(document))) == monoliths_fingerprint(document)


@given(
    st.text("0123456789abcdefABCDEFghMTUZ-_=", max_size=70)
    | st.from_regex(paging.SKU_FORM, fullmatch=True).filter(lambda sku: len(sku) < 49).map(paging.encode_cursor)
    | st.uuids().map(lambda found: paging.encode_cursor(str(found)))
)
def test_a_cursor_means_the_same_on_both_sides(cursor: str) -> None:
    for key, form in (
        (paging.BY_SKU, monoliths_fields.SKU_PATTERN),
        (paging.NEWEST_FIRST, monoliths_fields.UUID_PATTERN),
    ):
        try:
            ours: str | None = paging.decode_cursor(cursor, key)
        except ValueError:
            ours = None
        theirs = monoliths_cursor(cursor, form) if len(cursor) <= paging.LONGEST_CURSOR else None
        assert ours == theirs
