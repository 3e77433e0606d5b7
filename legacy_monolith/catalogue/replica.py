"""Products as the inventory service is told of them. The shop alone writes them, so it takes none over."""

from typing import Any

from django.db.models import QuerySet

from legacy_monolith.sync.kinds import Kind

from .models import Product
from .representations import show
from .selectors import products_for_sale


class Products(Kind):
    """Those for sale: to customers, and to the services, there are no others."""

    entity, name, key = "product", "product", "sku"

    def rows(self) -> QuerySet[Product]:
        return products_for_sale()

    def state(self, row: Product) -> dict[str, Any]:
        return {"product": show(row)}

    def event_of(self, row: Product) -> str:
        return "ProductChanged"


PRODUCTS = Products()
