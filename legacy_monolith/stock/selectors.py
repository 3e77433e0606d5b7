from django.db.models import F, QuerySet

from legacy_monolith.accounts.tokens import Caller
from legacy_monolith.catalogue.models import Product

from .models import Reservation, StockLevel


def levels() -> QuerySet[StockLevel]:
    return StockLevel.objects.filter(product__is_for_sale=True).select_related("product")


def available(product: Product) -> int:
    level = StockLevel.objects.filter(product=product).first()
    return level.available if level else 0


def available_by_sku(skus: list[str]) -> dict[str, int]:
    return {level.product.sku: level.available for level in levels().filter(product__sku__in=skus)}


def reservations_seen_by(caller: Caller) -> QuerySet[Reservation]:
    reservations = Reservation.objects.prefetch_related("lines__product")
    return reservations if caller.is_staff else reservations.filter(customer=caller.user)


def scarcest(count: int) -> QuerySet[StockLevel]:
    return levels().order_by(F("on_hand") - F("reserved"), "product__sku")[:count]
