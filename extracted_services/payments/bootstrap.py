"""Puts the parts together, from settings; the only module that knows all of them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from starlette.applications import Starlette

from extracted_services.chassis.database import open_engine
from extracted_services.chassis.identifiers import uuid7
from extracted_services.chassis.internal_token import choose_internal_token
from extracted_services.chassis.keys import IssuersKeys
from extracted_services.chassis.server import serve
from extracted_services.chassis.sync import endpoints as sync
from extracted_services.chassis.sync.inbox import Inbox
from extracted_services.chassis.sync.outbox import utc_now
from extracted_services.chassis.sync.worker import SyncWorker
from extracted_services.chassis.web.app import create_app
from extracted_services.messaging.open import open_bus
from extracted_services.payments.adapters.applier import PaymentApplier
from extracted_services.payments.adapters.audit import SqlAuditor
from extracted_services.payments.adapters.book import ENTITY, SqlBook
from extracted_services.payments.adapters.processor.ledger import Ledger
from extracted_services.payments.adapters.processor.line import CardProcessor
from extracted_services.payments.adapters.register import SqlRegister
from extracted_services.payments.adapters.schema import SCHEMA
from extracted_services.payments.adapters.tables import kept_keys
from extracted_services.payments.domain.agreement import Agreement, compare
from extracted_services.payments.entrypoints import internal, probes, refusals, resources
from extracted_services.payments.entrypoints.representations import keep_answer
from extracted_services.payments.entrypoints.settler import settling
from extracted_services.payments.service_layer.ports import Book
from extracted_services.payments.service_layer.readiness import Gate
from extracted_services.payments.service_layer.till import Till
from extracted_services.payments.settings import Settings

TAGS = ("payments",)


async def migrate_database(settings: Settings) -> str:
    """Bring the database to the newest revision and return it. Raises DatabaseUnavailable, SchemaMismatch."""
    engine = open_engine(settings.database)
    try:
        return await SCHEMA.migrate(engine)
    finally:
        await engine.dispose()


def build_app(settings: Settings) -> Starlette:
    """The application on its database, with all that goes on beside its requests.

    Raises DatabaseUnavailable, TokenUnusable, and ValueError for a broker that cannot be spoken to.
    """
    engine = open_engine(settings.database)
    holder = f"payments-{os.getpid()}-{uuid4().hex[:8]}"
    bus = open_bus(settings.broker_url, client=holder)
    keys = IssuersKeys(settings.jwks_url, engine, kept_keys)
    inbox = Inbox(PaymentApplier(utc_now), frozenset({ENTITY}))
    worker = SyncWorker("payments", holder, engine, bus, inbox)
    book = SqlBook(engine, worker.poke)
    till, register = build_till(settings, book), SqlRegister(engine)
    gate = Gate(register.is_filled)

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[None]:
        try:
            async with worker.running(), settling(till, settings.settle_after):
                yield
        finally:
            await bus.close()
            await keys.aclose()
            await engine.dispose()

    return create_app(
        [*resources.routes(till, register, gate), *internal.routes(till, register), *sync.routes(engine, inbox)],
        checks={
            "database": lambda: SCHEMA.check_revision(engine),
            "broker": worker.check,
            "backfill": probes.check_filled(gate),
        },
        tags=TAGS,
        keys=keys,
        internal_token=choose_internal_token(settings.internal_token),
        refusals={**sync.REFUSALS, **refusals.REFUSALS},
        lifetime=lifetime,
    )


def build_till(settings: Settings, book: Book) -> Till:
    processor = CardProcessor(Ledger(settings.processor_ledger), settings.processor_faults)
    return Till(book, processor, keep_answer, utc_now, uuid7, asyncio.sleep)


def serve_forever(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises AddressInUse, DatabaseUnavailable, SchemaMismatch."""
    serve(settings, build_app(settings), lambda: migrate_database(settings))


async def audit(settings: Settings) -> Agreement:
    """The processor's ledger against our book. Raises DatabaseUnavailable, LedgerUnreadable."""
    engine = open_engine(settings.database)
    auditor = SqlAuditor(engine, Ledger(settings.processor_ledger))
    try:
        await SCHEMA.check_revision(engine)
        # Ours second: what the processor takes in between we know only if we read later.
        accounts = await auditor.read_accounts()
        return compare(accounts, await auditor.read_entries())
    finally:
        await engine.dispose()
