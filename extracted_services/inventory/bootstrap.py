"""Puts the parts together, from settings; the only module that knows all of them."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette

from extracted_services.chassis.database import open_engine
from extracted_services.chassis.identifiers import uuid7
from extracted_services.chassis.internal_token import choose_internal_token
from extracted_services.chassis.keys import IssuersKeys
from extracted_services.chassis.server import serve
from extracted_services.chassis.sync import endpoints as sync
from extracted_services.chassis.sync.inbox import Inbox
from extracted_services.chassis.sync.worker import SyncWorker
from extracted_services.chassis.trace import Trace
from extracted_services.chassis.web.app import create_app
from extracted_services.inventory.adapters.applier import ENTITIES, InventoryApplier
from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.reservations import SqlDuties, SqlReservations
from extracted_services.inventory.adapters.runs import SqlRuns, SqlStore
from extracted_services.inventory.adapters.schema import SCHEMA
from extracted_services.inventory.adapters.tables import kept_keys
from extracted_services.inventory.adapters.warehouse import open_warehouse
from extracted_services.inventory.entrypoints import probes, reservations, resources
from extracted_services.inventory.entrypoints.keeper import Keeper
from extracted_services.inventory.service_layer.ports import Source, Store
from extracted_services.inventory.service_layer.readiness import Gate
from extracted_services.inventory.settings import Settings
from extracted_services.messaging.open import open_bus

NAME = "inventory"
TAGS = ("products", "stock", "reservations")


async def migrate_database(settings: Settings) -> str:
    """Bring the database to the newest revision and return it. Raises DatabaseUnavailable, SchemaMismatch."""
    engine = open_engine(settings.database)
    try:
        return await SCHEMA.migrate(engine)
    finally:
        await engine.dispose()


def build_app(settings: Settings) -> Starlette:
    """The application, and what works beside it while it serves. Raises DatabaseUnavailable, TokenUnusable."""
    internal_token = choose_internal_token(settings.internal_token)
    engine = open_engine(settings.database)
    bus = open_bus(settings.broker_url, client=NAME)
    inbox = Inbox(InventoryApplier(), ENTITIES)
    worker = SyncWorker(name=NAME, holder=_name_process(), engine=engine, bus=bus, inbox=inbox)
    keys = IssuersKeys(settings.jwks_url, engine, kept_keys)
    warehouse = open_warehouse(engine, worker.poke)
    keeper = Keeper(SqlDuties(engine), warehouse, now)
    gate = Gate(SqlRuns(engine))
    reserving = reservations.ReservationEndpoints(
        warehouse, SqlReservations(engine), gate, settings.reservation_ttl, now
    )

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for close in (engine.dispose, bus.close, keys.aclose):
                stack.push_async_callback(close)
            await stack.enter_async_context(worker.running())
            await stack.enter_async_context(keeper.running())
            yield

    return create_app(
        [*resources.routes(SqlCatalogue(engine), gate), *reserving.routes(), *sync.routes(engine, inbox)],
        checks={
            "database": lambda: SCHEMA.check_revision(engine),
            "broker": worker.check,
            "backfill": probes.check_backfill(gate),
        },
        tags=TAGS,
        keys=keys,
        internal_token=internal_token,
        refusals={**sync.REFUSALS, **reservations.REFUSALS},
        lifetime=lifetime,
    )


def serve_forever(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises AddressInUse, DatabaseUnavailable, SchemaMismatch, TokenUnusable."""
    serve(settings, build_app(settings), lambda: migrate_database(settings))


@asynccontextmanager
async def open_backfill(settings: Settings, trace: Trace) -> AsyncIterator[tuple[Source, Store]]:
    """The two sides of a backfill, closed at the end; the monolith's log shows the trace."""
    # What reads the monolith's pages is slow to import (a quarter of a second), and serving needs none of it.
    from extracted_services.inventory.adapters.monolith import Monolith, open_client

    engine = open_engine(settings.database)
    try:
        async with open_client(settings.legacy_url, settings.legacy_timeout, trace.headers()) as client:
            yield Monolith(client), SqlStore(engine)
    finally:
        await engine.dispose()


def now() -> datetime:
    """This moment in whole milliseconds, as times are told: what is stored and what is told are equal."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _name_process() -> str:
    return f"{NAME} {socket.gethostname()} {os.getpid()} {uuid7()}"
