"""Query parameters of the lists: what each may be, and every wrong one named at once.

A parameter that is empty counts as absent, of a repeated one the last counts, unknown ones are ignored.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from extracted_services.inventory.domain.model import split_into_words
from extracted_services.inventory.domain.paging import decode_cursor
from extracted_services.inventory.entrypoints.problems import ParameterError, invalid_parameters, invalid_request

DEFAULT_LIMIT = 20
MOST_PARAMETERS = 1000

_LIMIT = re.compile(r"[1-9][0-9]?|100", re.ASCII)
_CATEGORY = re.compile(r"[a-z0-9-]{1,50}", re.ASCII)
_QUERY = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


@dataclass(frozen=True, slots=True)
class PageRequest:
    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class ProductFilter:
    category: str | None
    words: tuple[str, ...]


def read_page_request(query_string: bytes) -> PageRequest:
    """Raises Problem 400."""
    reader = _Reader(query_string)
    request = reader.page()
    reader.refuse_errors()
    return request


def read_product_request(query_string: bytes) -> tuple[PageRequest, ProductFilter]:
    """Raises Problem 400."""
    reader = _Reader(query_string)
    request = reader.page()
    category = reader.take("category", _CATEGORY, "must be a category slug")
    query = reader.take("q", _QUERY, "must be at most 100 printable characters")
    reader.refuse_errors()
    return request, ProductFilter(category, split_into_words(query or ""))


class _Reader:
    def __init__(self, query_string: bytes) -> None:
        try:
            pairs = parse_qsl(query_string.decode(), keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
        except ValueError:
            raise invalid_request() from None
        self._values = dict(pairs)
        self._errors: list[ParameterError] = []

    def page(self) -> PageRequest:
        limit = self.take("limit", _LIMIT, "must be a whole number from 1 to 100")
        return PageRequest(self._after(), DEFAULT_LIMIT if limit is None else int(limit))

    def take(self, name: str, form: re.Pattern[str], message: str) -> str | None:
        value = self._values.get(name)
        if not value:
            return None
        if form.fullmatch(value) is None:
            self._errors.append(ParameterError(name, message))
            return None
        return value

    def refuse_errors(self) -> None:
        if self._errors:
            raise invalid_parameters(self._errors)

    def _after(self) -> str:
        cursor = self._values.get("cursor")
        if not cursor:
            return ""
        try:
            return decode_cursor(cursor)
        except ValueError:
            self._errors.append(ParameterError("cursor", "is not a cursor of this list"))
            return ""
