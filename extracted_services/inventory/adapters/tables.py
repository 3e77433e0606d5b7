"""The tables of the inventory database, as SQLAlchemy sees them; `migrations/` makes them.

Keys of the monolith never enter: a product is its SKU. SKUs and ids compare by code point, as the contract orders
lists. What is kept in step with the monolith has a `version`, one more with every change, and the `peer_version` that
was taken over from there last (0: none).
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from extracted_services.chassis.columns import UtcDateTime, code_point_text
from extracted_services.chassis.kept_answers import add_kept_answers
from extracted_services.chassis.keys import add_kept_keys
from extracted_services.chassis.sync.tables import add_sync_tables

metadata = MetaData()


def _versions() -> tuple[Column[int], Column[int]]:
    return Column("version", BigInteger, nullable=False), Column("peer_version", BigInteger, nullable=False)


# The category stands in the product's row: here it is only ever read with a product, as the monolith told it. A row
# that is removed is not for sale, and keeps its version for what is still on its way.
products = Table(
    "products",
    metadata,
    Column("sku", code_point_text(32), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("description", Text, nullable=False),
    Column("category_slug", String(50), nullable=False),
    Column("category_name", String(80), nullable=False),
    Column("price_cents", BigInteger, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("image", Text, nullable=True),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("search_text", Text, nullable=False),
    Column("removed", Boolean, nullable=False),
    *_versions(),
    Index("products_by_category", "category_slug", "sku"),
)

# No foreign key to products: the two come by ways of their own, and what is not for sale has a level too.
stock_levels = Table(
    "stock_levels",
    metadata,
    Column("sku", code_point_text(32), primary_key=True),
    Column("on_hand", Integer, nullable=False),
    Column("reserved", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    *_versions(),
    CheckConstraint("reserved >= 0", name="nothing_is_promised_back"),
    CheckConstraint("reserved <= on_hand", name="nothing_is_promised_that_is_not_there"),
)

# The lines stand in the row, as [{"sku", "quantity"}] by SKU: they never change, and are only ever read with it.
reservations = Table(
    "reservations",
    metadata,
    Column("id", code_point_text(36), primary_key=True),
    Column("order_id", String(36), nullable=False),
    Column("customer", String(36), nullable=False),
    Column("status", String(10), nullable=False),
    Column("lines", JSON, nullable=False),
    Column("expires_at", UtcDateTime, nullable=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    *_versions(),
    Index("reservations_by_order", "order_id", "id"),
    Index("reservations_by_customer", "customer", "id"),
    Index("reservations_by_expiry", "expires_at"),
)

backfill_runs = Table(
    "backfill_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("advanced_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=True),
    Column("pages", Integer, nullable=False),
    Column("collection", String(16), nullable=False),
    Column("cursor", String(64), nullable=True),
    Column("tallies", JSON, nullable=False),
)

kept_answers = add_kept_answers(metadata)
kept_keys = add_kept_keys(metadata)
add_sync_tables(metadata)
