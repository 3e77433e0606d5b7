"""Query parameters of the product list that no other list has."""

import re
from dataclasses import dataclass

from extracted_services.chassis.paging import BY_SKU, PageRequest
from extracted_services.chassis.web.parameters import Filter, read_list_request
from extracted_services.inventory.domain.model import split_into_words

CATEGORY = Filter(re.compile(r"[a-z0-9-]{1,50}", re.ASCII), "must be a category slug")
QUERY = Filter(re.compile(r"[^\x00-\x1f\x7f]{1,100}"), "must be at most 100 printable characters")


@dataclass(frozen=True, slots=True)
class ProductFilter:
    category: str | None
    words: tuple[str, ...]


def read_product_request(query_string: bytes) -> tuple[PageRequest, ProductFilter]:
    """Raises Problem 400."""
    page, chosen = read_list_request(query_string, BY_SKU, category=CATEGORY, q=QUERY)
    return page, ProductFilter(chosen.get("category"), split_into_words(chosen.get("q", "")))
