"""Reads a JSON value field by field, with every error named at once, in the words and the order of the contract.

A field is a function (value, path, errors) → the value to use; what it refuses it appends to `errors` and returns None.
"""

import re
from collections.abc import Callable
from typing import Any

from extracted_services.chassis.encoding import AMOUNT, CURRENCY
from extracted_services.chassis.paging import ID_FORM, LONGEST_SKU, SKU_FORM
from extracted_services.chassis.web.problems import FieldError, invalid_fields

Field = Callable[[Any, str, list[FieldError]], Any]
# Surrogates pass json.loads as "\ud800" but cannot be stored or sent as UTF-8.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def check(document: object, form: Field) -> Any:
    """The document as `form` reads it. Raises Problem 422."""
    errors: list[FieldError] = []
    value = form(document, "", errors)
    if errors:
        raise invalid_fields(errors)
    return value


def record(**fields: Field) -> Field:
    """An object that has exactly these fields."""

    def read(value: object, path: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, dict):
            return _refuse(errors, path, "must be an object")
        read_fields = {}
        for name, field in fields.items():
            where = f"{path}.{name}" if path else name
            if name in value:
                read_fields[name] = field(value[name], where, errors)
            else:
                _refuse(errors, where, "is required")
        if any(name not in fields for name in value):
            # The unknown name is not repeated: it may be of any length and kind.
            _refuse(errors, path, f"has a property other than {', '.join(fields)}")
        return read_fields

    return read


def array(field: Field, *, most: int) -> Field:
    def read(value: object, path: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            return _refuse(errors, path, f"must be a list of 1 to {most} items")
        return [field(item, f"{path}[{index}]", errors) for index, item in enumerate(value)]

    return read


def text(*, most: int) -> Field:
    """Printable, not blank."""

    def read(value: object, path: str, errors: list[FieldError]) -> Any:
        fits = isinstance(value, str) and value.strip() and len(value) <= most and not UNPRINTABLE.search(value)
        return value if fits else _refuse(errors, path, f"must be printable text of 1 to {most} characters")

    return read


def pattern(form: re.Pattern[str], what: str, *, most: int) -> Field:
    def read(value: object, path: str, errors: list[FieldError]) -> Any:
        fits = isinstance(value, str) and len(value) <= most and form.fullmatch(value)
        return value if fits else _refuse(errors, path, f"must be {what}")

    return read


def whole_number(least: int, most: int) -> Field:
    def read(value: object, path: str, errors: list[FieldError]) -> Any:
        # JSON knows one kind of number, so 2.0 is whole; True is a number to Python only.
        is_whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
        if is_whole and isinstance(value, int | float) and least <= value <= most:
            return int(value)
        return _refuse(errors, path, f"must be a whole number from {least} to {most}")

    return read


def money(value: object, path: str, errors: list[FieldError]) -> int | None:
    """An amount, in cents."""
    known = len(errors)
    fields = _MONEY(value, path, errors)
    return int(fields["amount"].replace(".", "")) if len(errors) == known else None


def lines(value: object, path: str, errors: list[FieldError]) -> list[dict[str, Any]] | None:
    """Order and reservation lines, `{"sku", "quantity"}`; each SKU at most once."""
    known = len(errors)
    read: list[dict[str, Any]] = _LINES(value, path, errors)
    if len(errors) > known:
        return None
    seen = set()
    for index, line in enumerate(read):
        if line["sku"] in seen:
            _refuse(errors, f"{path}[{index}].sku", "is named twice")
        seen.add(line["sku"])
    return read


def _currency(value: object, path: str, errors: list[FieldError]) -> Any:
    return value if value == CURRENCY else _refuse(errors, path, f"must be {CURRENCY}")


def _refuse(errors: list[FieldError], path: str, message: str) -> None:
    errors.append(FieldError(path or "body", message))


uuid = pattern(ID_FORM, "a UUID", most=36)
sku = pattern(SKU_FORM, "a SKU", most=LONGEST_SKU)
card = record(number=pattern(re.compile(r"[0-9]{12,19}"), "a card number of 12 to 19 digits", most=19))
address = record(
    name=text(most=100),
    street=text(most=100),
    postcode=pattern(
        re.compile(r"[A-Z0-9][A-Z0-9 -]*"), "a postcode of capital letters, digits, spaces and hyphens", most=12
    ),
    city=text(most=100),
    country=pattern(re.compile(r"[A-Z]{2}"), "a country code such as DK", most=2),
)
_MONEY = record(amount=pattern(AMOUNT, "an amount such as 12.30", most=11), currency=_currency)
_LINES = array(record(sku=sku, quantity=whole_number(1, 99)), most=50)
