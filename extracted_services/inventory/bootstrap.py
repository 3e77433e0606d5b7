"""Puts the parts together, from settings; the only module that knows all of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.database import open_for_reading, open_for_writing
from extracted_services.inventory.adapters.monolith import Monolith, open_client
from extracted_services.inventory.adapters.runs import SqlRuns, SqlStore
from extracted_services.inventory.adapters.schema import migrate, newest_revision, read_revision
from extracted_services.inventory.entrypoints.app import create_app
from extracted_services.inventory.service_layer.ports import Source, Store
from extracted_services.inventory.service_layer.readiness import Gate
from extracted_services.inventory.settings import Settings
from extracted_services.inventory.trace import Trace


async def migrate_database(settings: Settings) -> str:
    """Bring the database to the newest revision and return it. Raises DatabaseUnavailable."""
    engine = open_for_writing(settings.database)
    try:
        return await migrate(engine)
    finally:
        await engine.dispose()


def build_app(settings: Settings) -> Starlette:
    """The application on its database, which it closes when it stops. Raises DatabaseUnavailable."""
    engine = open_for_reading(settings.database)

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await engine.dispose()

    gate = Gate(SqlRuns(engine), lambda: read_revision(engine), newest_revision())
    return create_app(SqlCatalogue(engine), gate, lifetime)


@asynccontextmanager
async def open_backfill(settings: Settings, trace: Trace) -> AsyncIterator[tuple[Source, Store]]:
    """The two sides of a backfill, closed at the end; the monolith's log shows the trace."""
    engine = open_for_writing(settings.database)
    try:
        async with open_client(settings.legacy_url, settings.legacy_timeout, trace.headers()) as client:
            yield Monolith(client), SqlStore(engine)
    finally:
        await engine.dispose()
