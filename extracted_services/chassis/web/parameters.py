"""Query parameters of the lists: what each may be, and every wrong one named at once.

A parameter that is empty counts as absent, of a repeated one the last counts, unknown ones are ignored.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from extracted_services.chassis.paging import ID_FORM, Key, PageRequest, decode_cursor
from extracted_services.chassis.web.problems import FieldError, invalid_parameters, invalid_request

DEFAULT_LIMIT = 20
MOST_PARAMETERS = 1000

_LIMIT = re.compile(r"[1-9][0-9]?|100", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filter:
    """A parameter besides `limit` and `cursor`: how it is written, and what is said of one that is not."""

    form: re.Pattern[str]
    message: str


BY_ORDER = Filter(ID_FORM, "must be a UUID")


def read_list_request(query_string: bytes, key: Key, **filters: Filter) -> tuple[PageRequest, dict[str, str]]:
    """The page that is asked for, and the values of those filters that were sent. Raises Problem 400.

    Errors stand in the order limit, cursor, then that of `filters`.
    """
    values = read_parameters(query_string)
    errors: list[FieldError] = []
    page = PageRequest(limit=_limit(values, errors), after=_after(values, key, errors))
    chosen: dict[str, str] = {}
    for name, wanted in filters.items():
        value = values.get(name)
        if value and wanted.form.fullmatch(value):
            chosen[name] = value
        elif value:
            errors.append(FieldError(name, wanted.message))
    if errors:
        raise invalid_parameters(errors)
    return page, chosen


def read_parameters(query_string: bytes) -> dict[str, str]:
    """Raises Problem 400."""
    try:
        return dict(parse_qsl(query_string.decode(), keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    except ValueError:
        raise invalid_request() from None


def _limit(values: dict[str, str], errors: list[FieldError]) -> int:
    text = values.get("limit") or str(DEFAULT_LIMIT)
    if _LIMIT.fullmatch(text):
        return int(text)
    errors.append(FieldError("limit", "must be a whole number from 1 to 100"))
    return DEFAULT_LIMIT


def _after(values: dict[str, str], key: Key, errors: list[FieldError]) -> str:
    cursor = values.get("cursor")
    if not cursor:
        return ""
    try:
        return decode_cursor(cursor, key)
    except ValueError:
        errors.append(FieldError("cursor", "is not a cursor of this list"))
        return ""
