"""The tables of the orders database, as SQLAlchemy sees them; `migrations/` makes them.

An order is written and read whole, so it is one row: its lines, its address and its history stand in it as JSON. Keys
of the monolith never enter, nor does a card number. What the sagas' runner keeps for itself stands elsewhere.
"""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

from extracted_services.chassis.columns import UtcDateTime, code_point_text
from extracted_services.chassis.kept_answers import add_kept_answers
from extracted_services.chassis.keys import add_kept_keys
from extracted_services.chassis.sync.tables import add_sync_tables

metadata = MetaData()

orders = Table(
    "orders",
    metadata,
    Column("id", code_point_text(36), primary_key=True),
    Column("customer", String(36), nullable=False),
    Column("status", String(10), nullable=False),
    Column("reason", String(20), nullable=True),
    Column("lines", JSON, nullable=False),
    Column("total_cents", BigInteger, nullable=False),
    Column("address", JSON, nullable=False),
    Column("history", JSON, nullable=False),
    Column("card_reference", String(64), nullable=True),
    Column("version", BigInteger, nullable=False),
    Column("peer_version", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # The request that placed it, when it carried a key, and what its customer was told, key or not.
    Column("asked_path", String(100), nullable=True),
    Column("asked_key", String(255), nullable=True),
    Column("body_hash", String(64), nullable=True),
    Column("told_status", Integer, nullable=True),
    Column("told_location", String(200), nullable=True),
    Column("told_body", Text, nullable=True),
    UniqueConstraint("customer", "asked_path", "asked_key", name="one_order_per_key"),
    Index("orders_of_a_customer", "customer", "id"),
)

sagas = Table(
    "sagas",
    metadata,
    Column("id", code_point_text(36), primary_key=True),
    Column("name", String(40), nullable=False),
    Column("order_id", String(36), nullable=False),
    Column("state", String(16), nullable=False),
    Column("step", String(40), nullable=True),
    Column("progress", JSON, nullable=False),
    Column("next_try_at", UtcDateTime, nullable=True),
    Column("run", Integer, nullable=False),
    Column("traceparent", String(64), nullable=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("order_id", "name", name="a_saga_once_per_order"),
    Index("sagas_by_state", "state", "id"),
)

# The processes that run sagas, so that the others see when one is gone.
saga_runners = Table(
    "saga_runners",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
)

kept_answers = add_kept_answers(metadata)
kept_keys = add_kept_keys(metadata)
add_sync_tables(metadata)
