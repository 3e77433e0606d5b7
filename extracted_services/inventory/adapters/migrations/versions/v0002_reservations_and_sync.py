"""Reservations, versions of what is kept in step with the monolith, and all that synchronisation and writing need."""

import sqlalchemy as sa
from alembic import op

from extracted_services.chassis.kept_answers import create_kept_answers
from extracted_services.chassis.keys import create_kept_keys
from extracted_services.chassis.sync.tables import create_sync_tables_v1, drop_sync_tables_v1

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    identifier = sa.String(36).with_variant(sa.String(36, collation="C"), "postgresql")
    moment = sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")
    # What a copy brought has version 0: whatever an event tells of it is newer.
    with op.batch_alter_table("products") as products:
        products.add_column(sa.Column("removed", sa.Boolean, nullable=False, server_default=sa.false()))
        products.add_column(sa.Column("version", sa.BigInteger, nullable=False, server_default="0"))
        products.add_column(sa.Column("peer_version", sa.BigInteger, nullable=False, server_default="0"))
    with op.batch_alter_table("stock_levels") as levels:
        levels.add_column(sa.Column("version", sa.BigInteger, nullable=False, server_default="0"))
        levels.add_column(sa.Column("peer_version", sa.BigInteger, nullable=False, server_default="0"))
        levels.create_check_constraint("nothing_is_promised_back", "reserved >= 0")
        levels.create_check_constraint("nothing_is_promised_that_is_not_there", "reserved <= on_hand")
    op.create_table(
        "reservations",
        sa.Column("id", identifier, primary_key=True),
        sa.Column("order_id", sa.String(36), nullable=False),
        sa.Column("customer", sa.String(36), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.Column("expires_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("peer_version", sa.BigInteger, nullable=False),
    )
    op.create_index("reservations_by_order", "reservations", ["order_id", "id"])
    op.create_index("reservations_by_customer", "reservations", ["customer", "id"])
    op.create_index("reservations_by_expiry", "reservations", ["expires_at"])
    create_kept_answers()
    create_kept_keys()
    create_sync_tables_v1(("stock", "product"))


def downgrade() -> None:
    drop_sync_tables_v1()
    op.drop_table("kept_keys")
    op.drop_table("kept_answers")
    op.drop_table("reservations")
    with op.batch_alter_table("stock_levels") as levels:
        levels.drop_constraint("nothing_is_promised_that_is_not_there", type_="check")
        levels.drop_constraint("nothing_is_promised_back", type_="check")
        levels.drop_column("peer_version")
        levels.drop_column("version")
    with op.batch_alter_table("products") as products:
        products.drop_column("peer_version")
        products.drop_column("version")
        products.drop_column("removed")
