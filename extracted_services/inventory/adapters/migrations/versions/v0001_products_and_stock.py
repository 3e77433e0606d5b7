"""Products, stock levels, and the runs that copy them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    sku = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")
    moment = sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")
    op.create_table(
        "products",
        sa.Column("sku", sku, primary_key=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("category_slug", sa.String(50), nullable=False),
        sa.Column("category_name", sa.String(80), nullable=False),
        sa.Column("price_cents", sa.BigInteger, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("image", sa.Text, nullable=True),
        sa.Column("updated_at", moment, nullable=False),
        sa.Column("search_text", sa.Text, nullable=False),
    )
    op.create_index("products_by_category", "products", ["category_slug", "sku"])
    op.create_table(
        "stock_levels",
        sa.Column("sku", sku, primary_key=True),
        sa.Column("on_hand", sa.Integer, nullable=False),
        sa.Column("reserved", sa.Integer, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
    )
    op.create_table(
        "backfill_runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("advanced_at", moment, nullable=False),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column("pages", sa.Integer, nullable=False),
        sa.Column("collection", sa.String(16), nullable=False),
        sa.Column("cursor", sa.String(64), nullable=True),
        sa.Column("tallies", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("backfill_runs")
    op.drop_table("stock_levels")
    op.drop_index("products_by_category", "products")
    op.drop_table("products")
