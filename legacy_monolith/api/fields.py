"""Reads the body of a request: JSON first, then field by field, every error named at once.

A field is a function (value, path, errors) → the value to use; what it refuses it appends to `errors` and returns None.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from .encoding import CURRENCY
from .problems import FieldError, Problem, invalid_request, with_errors

MAX_BODY_BYTES = 64 * 1024
Field = Callable[[Any, str, list[FieldError]], Any]
UUID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
SKU_PATTERN = r"[A-Z0-9]+(-[A-Z0-9]+)*"
# Surrogates pass json.loads as "\ud800" but cannot be stored or sent as UTF-8.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def read_body(request: HttpRequest, form: Field) -> Any:
    """The body as `form` reads it; raises the problems 415, 413, 400 and 422, in that order."""
    return check(read_json(request), form)


def check(document: object, form: Field) -> Any:
    errors: list[FieldError] = []
    value = form(document, "", errors)
    if errors:
        raise with_errors("invalid-fields", errors)
    return value


def read_json(request: HttpRequest) -> object:
    if request.content_type != "application/json":
        raise Problem("unsupported-media-type", "Send application/json")
    try:
        body = request.body
    except RequestDataTooBig:
        body = None
    if body is None or len(body) > MAX_BODY_BYTES:
        raise Problem("too-large", f"At most {MAX_BODY_BYTES} bytes are accepted")
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise invalid_request("The body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise invalid_request(f"The body is not JSON: line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits; thousands of brackets
        raise invalid_request("The body is not JSON that can be read") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


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


def secret(*, most: int) -> Field:
    """Any characters at all, since they are compared and never stored."""

    def read(value: object, path: str, errors: list[FieldError]) -> Any:
        fits = isinstance(value, str) and 1 <= len(value) <= most
        return value if fits else _refuse(errors, path, f"must be text of 1 to {most} characters")

    return read


def pattern(expression: str, what: str, *, most: int) -> Field:
    compiled = re.compile(expression)

    def read(value: object, path: str, errors: list[FieldError]) -> Any:
        fits = isinstance(value, str) and len(value) <= most and compiled.fullmatch(value)
        return value if fits else _refuse(errors, path, f"must be {what}")

    return read


def whole_number(least: int, most: int) -> Field:
    def read(value: object, path: str, errors: list[FieldError]) -> Any:
        # JSON knows one kind of number, so 2.0 is whole; True is a number to Python only.
        is_whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
        if is_whole and least <= value <= most:
            return int(value)
        return _refuse(errors, path, f"must be a whole number from {least} to {most}")

    return read


def _currency(value: object, path: str, errors: list[FieldError]) -> Any:
    return value if value == CURRENCY else _refuse(errors, path, f"must be {CURRENCY}")


def money(value: object, path: str, errors: list[FieldError]) -> Decimal | None:
    amount = pattern(r"(0|[1-9][0-9]{0,7})\.[0-9]{2}", "an amount such as 12.30", most=11)
    known = len(errors)
    fields = record(amount=amount, currency=_currency)(value, path, errors)
    return Decimal(fields["amount"]) if len(errors) == known else None


def lines(value: object, path: str, errors: list[FieldError]) -> list[dict] | None:
    """Order and reservation lines; each SKU at most once."""
    known = len(errors)
    read = array(record(sku=sku, quantity=whole_number(1, 99)), most=50)(value, path, errors)
    if len(errors) > known:
        return None
    seen = set()
    for index, line in enumerate(read):
        if line["sku"] in seen:
            _refuse(errors, f"{path}[{index}].sku", "is named twice")
        seen.add(line["sku"])
    return read


def is_sku(text: str) -> bool:
    return re.fullmatch(SKU_PATTERN, text) is not None


def _refuse(errors: list[FieldError], path: str, message: str) -> None:
    errors.append(FieldError(path or "body", message))


uuid = pattern(UUID_PATTERN, "a UUID", most=36)
sku = pattern(SKU_PATTERN, "a SKU", most=32)
card = record(number=pattern(r"[0-9]{12,19}", "a card number of 12 to 19 digits", most=19))
address = record(
    name=text(most=100),
    street=text(most=100),
    postcode=pattern(r"[A-Z0-9][A-Z0-9 -]*", "a postcode of capital letters, digits, spaces and hyphens", most=12),
    city=text(most=100),
    country=pattern(r"[A-Z]{2}", "a country code such as DK", most=2),
)
