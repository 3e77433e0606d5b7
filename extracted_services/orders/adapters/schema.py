"""The shape of the orders database: the tables the code uses, and the migrations that make them."""

from pathlib import Path

from extracted_services.chassis.schema import Schema
from extracted_services.orders.adapters.tables import metadata

SCHEMA = Schema(metadata, Path(__file__).parent / "migrations" / "versions")
