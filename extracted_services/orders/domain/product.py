"""What an order needs to know of a product at the moment it is placed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    sku: str
    name: str
    price_cents: int
