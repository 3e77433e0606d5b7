"""A whole service in one module, as small as it can be: `python -m extracted_services.chassis.tests.notes`."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, Table

from extracted_services.chassis.command import build_command
from extracted_services.chassis.database import open_engine
from extracted_services.chassis.schema import Schema
from extracted_services.chassis.server import serve
from extracted_services.chassis.settings import CommonSettings, common_variables, read_settings
from extracted_services.chassis.web.app import create_app

VARIABLES = common_variables("notes", 8199)
METADATA = MetaData()
Table("notes", METADATA, Column("id", Integer, primary_key=True))
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))
"""


def read(environment: Mapping[str, str]) -> CommonSettings:
    return read_settings(environment, VARIABLES, CommonSettings)


@asynccontextmanager
async def lifetime() -> AsyncIterator[None]:
    if os.environ.get("NOTES_FAIL"):
        raise RuntimeError("something the service needs is broken")
    yield


async def migrate(settings: CommonSettings) -> str:
    engine = open_engine(settings.database)
    try:
        return await Schema(METADATA, Path(os.environ["NOTES_VERSIONS"])).migrate(engine)
    finally:
        await engine.dispose()


def serve_notes(settings: CommonSettings) -> None:
    serve(settings, create_app([], checks={}, tags=(), lifetime=lifetime), lambda: migrate(settings))


if __name__ == "__main__":
    build_command("notes", "Notes.", VARIABLES, read, serve_notes, migrate)()
