"""The tables of the inventory database, as SQLAlchemy sees them; `migrations/` makes them.

Keys of the monolith never enter: a product is its SKU. SKUs compare by code point, as the contract orders lists.
"""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, MetaData, String, Table, Text

from extracted_services.chassis.columns import UtcDateTime, code_point_text

metadata = MetaData()

# The category stands in the product's row: here it is only ever read with a product, as the monolith told it.
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
    Index("products_by_category", "category_slug", "sku"),
)

# No foreign key to products: the two lists are copied one after the other, and a product may be added in between.
stock_levels = Table(
    "stock_levels",
    metadata,
    Column("sku", code_point_text(32), primary_key=True),
    Column("on_hand", Integer, nullable=False),
    Column("reserved", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
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
