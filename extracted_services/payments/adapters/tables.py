"""The tables of the payments database, as SQLAlchemy sees them; `migrations/` makes them.

Keys of the monolith never enter: a payment is its public id. A card number never enters either.
"""

from sqlalchemy import BigInteger, Column, Index, MetaData, String, Table, UniqueConstraint

from extracted_services.chassis.columns import UtcDateTime, code_point_text
from extracted_services.chassis.kept_answers import add_kept_answers
from extracted_services.chassis.keys import add_kept_keys
from extracted_services.chassis.sync.tables import add_sync_tables
from extracted_services.payments.domain.charge import Standing

metadata = MetaData()

payments = Table(
    "payments",
    metadata,
    Column("id", code_point_text(36), primary_key=True),
    Column("order_id", String(36), nullable=False),
    Column("customer", String(36), nullable=False),
    Column("status", String(10), nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("card_last4", String(4), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("peer_version", BigInteger, nullable=False),
    Index("payments_of_an_order", "order_id", "id"),
    Index("payments_of_a_customer", "customer", "id"),
)

# No foreign key to payments: a charge is written down before there is a payment, and outlives one that never came.
charges = Table(
    "charges",
    metadata,
    Column("payment_id", String(36), primary_key=True),
    Column("asked_customer", String(36), nullable=True),
    Column("asked_path", String(100), nullable=True),
    Column("asked_key", String(255), nullable=True),
    Column("body_hash", String(64), nullable=True),
    Column("order_id", String(36), nullable=True),
    Column("customer", String(36), nullable=True),
    Column("amount_cents", BigInteger, nullable=True),
    Column("card_reference", String(64), nullable=True),
    Column("standing", String(10), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    UniqueConstraint("asked_customer", "asked_path", "asked_key", name="one_charge_per_key"),
)
UNSETTLED = charges.c.standing.in_([Standing.OPEN.value, Standing.RETURNING.value])
Index("charges_unsettled", charges.c.changed_at, sqlite_where=UNSETTLED, postgresql_where=UNSETTLED)

kept_answers = add_kept_answers(metadata)
kept_keys = add_kept_keys(metadata)
add_sync_tables(metadata)
