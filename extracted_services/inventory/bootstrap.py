"""Puts the parts together, from settings; the only module that knows all of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from extracted_services.chassis.database import open_engine
from extracted_services.chassis.server import serve
from extracted_services.chassis.trace import Trace
from extracted_services.chassis.web.app import create_app
from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.monolith import Monolith, open_client
from extracted_services.inventory.adapters.runs import SqlRuns, SqlStore
from extracted_services.inventory.adapters.schema import SCHEMA
from extracted_services.inventory.entrypoints import probes, resources
from extracted_services.inventory.service_layer.ports import Source, Store
from extracted_services.inventory.service_layer.readiness import Gate
from extracted_services.inventory.settings import Settings

TAGS = ("products", "stock")


async def migrate_database(settings: Settings) -> str:
    """Bring the database to the newest revision and return it. Raises DatabaseUnavailable, SchemaMismatch."""
    engine = open_engine(settings.database)
    try:
        return await SCHEMA.migrate(engine)
    finally:
        await engine.dispose()


def build_app(settings: Settings) -> Starlette:
    """The application on its database, which it closes when it stops. Raises DatabaseUnavailable."""
    engine = open_engine(settings.database)

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await engine.dispose()

    gate = Gate(SqlRuns(engine))
    return create_app(
        resources.routes(SqlCatalogue(engine), gate),
        checks={"database": lambda: SCHEMA.check_revision(engine), "backfill": probes.check_backfill(gate)},
        tags=TAGS,
        lifetime=lifetime,
    )


def serve_forever(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises AddressInUse, DatabaseUnavailable, SchemaMismatch, StartFailed."""
    serve(settings, build_app(settings), lambda: migrate_database(settings))


@asynccontextmanager
async def open_backfill(settings: Settings, trace: Trace) -> AsyncIterator[tuple[Source, Store]]:
    """The two sides of a backfill, closed at the end; the monolith's log shows the trace."""
    engine = open_engine(settings.database)
    try:
        async with open_client(settings.legacy_url, settings.legacy_timeout, trace.headers()) as client:
            yield Monolith(client), SqlStore(engine)
    finally:
        await engine.dispose()
