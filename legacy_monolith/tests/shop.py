"""A shop small enough to reason about: two customers, one of the staff, four products."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from django.test import Client

from legacy_monolith.accounts import tokens
from legacy_monolith.accounts.models import User
from legacy_monolith.catalogue.models import Category, Product, Tag
from legacy_monolith.orders.services import Address
from legacy_monolith.stock.models import StockLevel

ON_BOTH_DATABASES = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
GOOD_CARD = "4242424242424242"
BAD_CARD = "4000000000000002"
ADDRESS = {"name": "Alice Larsen", "street": "Mill Lane 1", "postcode": "1050", "city": "Copenhagen", "country": "DK"}


@dataclass(frozen=True)
class Shop:
    alice: User
    bob: User
    admin: User
    mug: Product
    bowl: Product
    rug: Product
    hidden: Product

    @classmethod
    def open(cls) -> "Shop":
        kitchen = Category.objects.create(name="Kitchen", slug="kitchen")
        textiles = Category.objects.create(name="Textiles", slug="textiles")
        shop = cls(
            alice=User.objects.create_user("alice", "alice@example.com", "alice-pass", first_name="Alice"),
            bob=User.objects.create_user("bob", "bob@example.com", "bob-pass"),
            admin=User.objects.create_superuser("admin", "admin@example.com", "admin-pass"),
            mug=_product("MUG-0001", "Stoneware mug, rosé", kitchen, "14.90", on_hand=10),
            bowl=_product("BOWL-0001", "100% olive wood bowl", kitchen, "30.00", on_hand=3),
            rug=_product("RUG-0001", "Wool rug, STRASSE", textiles, "240.00", on_hand=0),
            hidden=_product("OLD-0001", "Stoneware mug, discontinued", kitchen, "1.00", on_hand=5, is_for_sale=False),
        )
        shop.mug.tags.set([Tag.objects.create(slug="stoneware"), Tag.objects.create(slug="handmade")])
        return shop

    def stock(self, product: Product) -> tuple[int, int]:
        """(on hand, reserved) as the database has it."""
        level = StockLevel.objects.get(product=product)
        return level.on_hand, level.reserved


def _product(sku: str, name: str, category: Category, price: str, *, on_hand: int, is_for_sale=True) -> Product:
    product = Product.objects.create(
        sku=sku, name=name, category=category, price=Decimal(price), is_for_sale=is_for_sale
    )
    StockLevel.objects.filter(product=product).update(on_hand=on_hand)
    return product


def address() -> Address:
    return Address(**ADDRESS)


def bearer(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.issue(user)}"}


def new_order(sku: str = "MUG-0001", quantity: int = 2, card: str = GOOD_CARD) -> dict:
    return {
        "lines": [{"sku": sku, "quantity": quantity}],
        "shipping_address": ADDRESS,
        "card": {"number": card},
    }


def post(client: Client, path: str, body: object = None, user: User | None = None, **headers: str):
    """POST as JSON; `headers` with underscores for hyphens."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()} | (bearer(user) if user else {})
    return client.post(path, body, content_type="application/json", headers=sent)


def get(client: Client, path: str, user: User | None = None):
    return client.get(path, headers=bearer(user) if user else {})
