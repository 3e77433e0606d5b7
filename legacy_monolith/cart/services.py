"""The cart lives in the session as {SKU: quantity}; prices are looked up whenever it is shown."""

from dataclasses import dataclass
from decimal import Decimal

from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session

from legacy_monolith.catalogue.models import Product
from legacy_monolith.catalogue.selectors import products_for_sale

KEY = "cart"
MOST = 99
MOST_LINES = 50


@dataclass(frozen=True)
class Line:
    product: Product
    quantity: int

    @property
    def total(self) -> Decimal:
        return self.product.price * self.quantity


@dataclass(frozen=True)
class Cart:
    """The lines in the order of the products' names."""

    lines: tuple[Line, ...]

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))


def read(session: SessionBase) -> Cart:
    return _cart(session.get(KEY, {}))


def count(session: SessionBase) -> int:
    return sum(session.get(KEY, {}).values())


def lock(session: SessionBase) -> Cart:
    """The cart as the database has it now, locked to the end of the transaction (on SQLite the whole database is)."""
    stored = Session.objects.select_for_update().filter(session_key=session.session_key).first()
    return _cart(stored.get_decoded().get(KEY, {}) if stored else {})


def add(session: SessionBase, product: Product, quantity: int) -> None:
    put(session, product, session.get(KEY, {}).get(product.sku, 0) + quantity)


def put(session: SessionBase, product: Product, quantity: int) -> None:
    """Makes it this many pieces, at most `MOST`; 0 takes the product out."""
    quantities = dict(session.get(KEY, {}))
    quantities.pop(product.sku, None)
    if quantity > 0 and len(quantities) < MOST_LINES:
        quantities[product.sku] = min(quantity, MOST)
    session[KEY] = quantities


def empty(session: SessionBase) -> None:
    """Empties the cart in the database at once, so that this belongs to the transaction at hand."""
    session.pop(KEY, None)
    session.save()


def _cart(quantities: dict[str, int]) -> Cart:
    products = products_for_sale().filter(sku__in=quantities).order_by("name", "sku")
    return Cart(tuple(Line(product, quantities[product.sku]) for product in products))
