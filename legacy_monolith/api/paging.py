"""Lists by key: a page starts behind the key of the last item, so it costs the same wherever it is.

A cursor is the unpadded base64url form of that key, and nothing else: whoever serves the list can read it.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import HttpRequest

from .fields import SKU_PATTERN, UUID_PATTERN
from .problems import FieldError, with_errors

DEFAULT_LIMIT = 20
LIMIT = re.compile(r"[1-9][0-9]?|100")
MAX_CURSOR = 64


@dataclass(frozen=True)
class Key:
    """What a list is ordered by: a unique field, its form, its direction."""

    field: str
    form: str
    descending: bool = False


BY_SKU = Key("sku", SKU_PATTERN)
BY_PRODUCT_SKU = Key("product__sku", SKU_PATTERN)
NEWEST_FIRST = Key("public_id", UUID_PATTERN, descending=True)


@dataclass(frozen=True)
class Filter:
    """A query parameter of a list: `apply` gets the set and the text; a text that does not match `form` is refused."""

    form: re.Pattern[str]
    message: str
    apply: Callable[[QuerySet, str], QuerySet]


BY_ORDER = Filter(re.compile(UUID_PATTERN), "must be a UUID", lambda items, order_id: items.filter(order_id=order_id))


def page(request: HttpRequest, items: QuerySet, key: Key, show: Callable, **filters: Filter) -> dict:
    """One page of `items` as `{"items", "next"}`; raises a 400 that names every wrong parameter."""
    errors: list[FieldError] = []
    limit = _limit(request, errors)
    after = _after(request, key, errors)
    for name, a_filter in filters.items():
        text = request.GET.get(name)
        if not text:
            continue
        if a_filter.form.fullmatch(text):
            items = a_filter.apply(items, text)
        else:
            errors.append(FieldError(name, a_filter.message))
    if errors:
        raise with_errors("invalid-parameter", errors)
    if after is not None:
        items = items.filter(**{f"{key.field}__{'lt' if key.descending else 'gt'}": after})
    found = list(items.order_by(f"-{key.field}" if key.descending else key.field)[: limit + 1])
    shown = [show(item) for item in found[:limit]]
    return {"items": shown, "next": encode_cursor(_key_of(found[limit - 1], key)) if len(found) > limit else None}


def encode_cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, form: str) -> str | None:
    """The key in a cursor; None if there is none of this form, or if it is not written the one way we write it."""
    try:
        key = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        return None
    return key if re.fullmatch(form, key) and encode_cursor(key) == cursor else None


def _limit(request: HttpRequest, errors: list[FieldError]) -> int:
    text = request.GET.get("limit") or str(DEFAULT_LIMIT)
    if LIMIT.fullmatch(text):
        return int(text)
    errors.append(FieldError("limit", "must be a whole number from 1 to 100"))
    return DEFAULT_LIMIT


def _after(request: HttpRequest, key: Key, errors: list[FieldError]) -> str | None:
    cursor = request.GET.get("cursor")
    if not cursor:
        return None
    after = decode_cursor(cursor, key.form) if len(cursor) <= MAX_CURSOR else None
    if after is None:
        errors.append(FieldError("cursor", "is not a cursor of this list"))
    return after


def _key_of(item: object, key: Key) -> str:
    for name in key.field.split("__"):
        item = getattr(item, name)
    return str(item)
