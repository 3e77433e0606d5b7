"""Orders, the sagas about them, first answers, keys, and what synchronisation needs."""

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
        "orders",
        sa.Column("id", identifier, primary_key=True),
        sa.Column("customer", sa.String(36), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(20), nullable=True),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.Column("total_cents", sa.BigInteger, nullable=False),
        sa.Column("address", sa.JSON, nullable=False),
        sa.Column("history", sa.JSON, nullable=False),
        sa.Column("card_reference", sa.String(64), nullable=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("peer_version", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.Column("asked_path", sa.String(100), nullable=True),
        sa.Column("asked_key", sa.String(255), nullable=True),
        sa.Column("body_hash", sa.String(64), nullable=True),
        sa.Column("told_status", sa.Integer, nullable=True),
        sa.Column("told_location", sa.String(200), nullable=True),
        sa.Column("told_body", sa.Text, nullable=True),
        sa.UniqueConstraint("customer", "asked_path", "asked_key", name="one_order_per_key"),
    )
    op.create_index("orders_of_a_customer", "orders", ["customer", "id"])
    op.create_table(
        "sagas",
        sa.Column("id", identifier, primary_key=True),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("order_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("step", sa.String(40), nullable=True),
        sa.Column("progress", sa.JSON, nullable=False),
        sa.Column("next_try_at", moment, nullable=True),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("traceparent", sa.String(64), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.UniqueConstraint("order_id", "name", name="a_saga_once_per_order"),
    )
    op.create_index("sagas_by_state", "sagas", ["state", "id"])
    op.create_table(
        "saga_runners",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("seen_at", moment, nullable=False),
    )
    create_kept_answers()
    create_kept_keys()
    create_sync_tables_v1(["order"])


def downgrade() -> None:
    drop_sync_tables_v1()
    op.drop_table("kept_keys")
    op.drop_table("kept_answers")
    op.drop_table("saga_runners")
    op.drop_index("sagas_by_state", "sagas")
    op.drop_table("sagas")
    op.drop_index("orders_of_a_customer", "orders")
    op.drop_table("orders")
