"""Payments, the charges behind them, first answers, keys, and what synchronisation needs."""

import sqlalchemy as sa
from alembic import op

from extracted_services.chassis.kept_answers import create_kept_answers
from extracted_services.chassis.keys import create_kept_keys
from extracted_services.chassis.sync.tables import create_sync_tables_v1, drop_sync_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    identifier = sa.String(36).with_variant(sa.String(36, collation="C"), "postgresql")
    moment = sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")
    op.create_table(
        "payments",
        sa.Column("id", identifier, primary_key=True),
        sa.Column("order_id", sa.String(36), nullable=False),
        sa.Column("customer", sa.String(36), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("card_last4", sa.String(4), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("peer_version", sa.BigInteger, nullable=False),
    )
    op.create_index("payments_of_an_order", "payments", ["order_id", "id"])
    op.create_index("payments_of_a_customer", "payments", ["customer", "id"])
    op.create_table(
        "charges",
        sa.Column("payment_id", sa.String(36), primary_key=True),
        sa.Column("asked_customer", sa.String(36), nullable=True),
        sa.Column("asked_path", sa.String(100), nullable=True),
        sa.Column("asked_key", sa.String(255), nullable=True),
        sa.Column("body_hash", sa.String(64), nullable=True),
        sa.Column("order_id", sa.String(36), nullable=True),
        sa.Column("customer", sa.String(36), nullable=True),
        sa.Column("amount_cents", sa.BigInteger, nullable=True),
        sa.Column("card_reference", sa.String(64), nullable=True),
        sa.Column("standing", sa.String(10), nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.UniqueConstraint("asked_customer", "asked_path", "asked_key", name="one_charge_per_key"),
    )
    unsettled = sa.text("standing IN ('open', 'returning')")
    op.create_index("charges_unsettled", "charges", ["changed_at"], sqlite_where=unsettled, postgresql_where=unsettled)
    create_kept_answers()
    create_kept_keys()
    create_sync_tables_v1(["payment"])


def downgrade() -> None:
    drop_sync_tables_v1()
    op.drop_table("kept_keys")
    op.drop_table("kept_answers")
    op.drop_index("charges_unsettled", "charges")
    op.drop_table("charges")
    op.drop_index("payments_of_a_customer", "payments")
    op.drop_index("payments_of_an_order", "payments")
    op.drop_table("payments")
