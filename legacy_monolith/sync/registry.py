"""The kinds that are kept in step, by name. Only what works across the apps imports it."""

from legacy_monolith.catalogue.replica import PRODUCTS
from legacy_monolith.orders.replica import ORDERS
from legacy_monolith.payments.replica import PAYMENTS
from legacy_monolith.stock.replica import LEVELS, RESERVATIONS

from .kinds import Kind

# Products first: what is filled in later names them.
KINDS: dict[str, Kind] = {kind.name: kind for kind in (PRODUCTS, LEVELS, RESERVATIONS, ORDERS, PAYMENTS)}

# What each service holds, and where the shop reaches it.
SERVICES = {
    "orders": ("order",),
    "payments": ("payment",),
    "inventory": ("product", "level", "reservation"),
}
