import re

from django.http import HttpRequest

from legacy_monolith.api import fields, problems
from legacy_monolith.api.endpoint import Reply
from legacy_monolith.api.paging import BY_SKU, Filter, page

from . import selectors
from .representations import show

CATEGORY = Filter(re.compile(r"[a-z0-9-]{1,50}"), "must be a category slug", selectors.in_category)
WORDS = Filter(re.compile(r"[^\x00-\x1f\x7f]{1,100}"), "must be at most 100 printable characters", selectors.search)


def list_products(request: HttpRequest) -> Reply:
    return Reply(page(request, selectors.products_for_sale(), BY_SKU, show, category=CATEGORY, q=WORDS))


def get_product(request: HttpRequest, sku: str) -> Reply:
    product = selectors.products_for_sale().filter(sku=sku).first() if fields.is_sku(sku) else None
    if product is None:
        raise problems.not_found("product with this SKU")
    return Reply(show(product))
