"""The shape of the payments database: the tables the code uses, and the migrations that make them."""

from pathlib import Path

from extracted_services.chassis.schema import Schema
from extracted_services.payments.adapters.tables import metadata

SCHEMA = Schema(metadata, Path(__file__).parent / "migrations" / "versions")
