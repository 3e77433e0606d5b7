"""The tables of a service that keeps states as they come."""

import sqlalchemy as sa
from alembic import op

from extracted_services.chassis.sync.tables import create_sync_tables_v1, drop_sync_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_sync_tables_v1(("payment", "product", "stock"))
    op.create_table(
        "states",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("peer_version", sa.BigInteger, nullable=False),
        sa.Column("data", sa.JSON, nullable=True),
    )
    op.create_table("answers", sa.Column("key", sa.String(255), primary_key=True), sa.Column("body", sa.Text))


def downgrade() -> None:
    op.drop_table("answers")
    op.drop_table("states")
    drop_sync_tables_v1()
