"""Puts the parts together, from settings; the only module that knows all of them."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

from starlette.applications import Starlette

from extracted_services.chassis.client import ONCE, ServiceClient, Timeouts
from extracted_services.chassis.database import open_engine
from extracted_services.chassis.internal_token import choose_internal_token
from extracted_services.chassis.keys import IssuersKeys
from extracted_services.chassis.server import serve
from extracted_services.chassis.sync import endpoints as sync
from extracted_services.chassis.sync.inbox import Inbox
from extracted_services.chassis.sync.worker import SyncWorker
from extracted_services.chassis.web.app import create_app
from extracted_services.messaging.open import open_bus
from extracted_services.orders.adapters.applier import OrderApplier
from extracted_services.orders.adapters.book import ENTITY, SqlOrders, SqlWork
from extracted_services.orders.adapters.durable import DurableFunctions, journal_url
from extracted_services.orders.adapters.inventory import InventoryService
from extracted_services.orders.adapters.payments import PaymentsService
from extracted_services.orders.adapters.saga_book import SqlSagaBook
from extracted_services.orders.adapters.sagas import SagaRunner
from extracted_services.orders.adapters.schema import SCHEMA
from extracted_services.orders.adapters.tables import kept_keys
from extracted_services.orders.entrypoints import orders, probes, sagas
from extracted_services.orders.service_layer.fulfil import Fulfilment
from extracted_services.orders.service_layer.place import Counter
from extracted_services.orders.service_layer.signals import Signals
from extracted_services.orders.settings import Settings

TAGS = ("orders",)


async def migrate_database(settings: Settings) -> str:
    """Bring the database to the newest revision and return it. Raises DatabaseUnavailable, SchemaMismatch."""
    engine = open_engine(settings.database)
    try:
        return await SCHEMA.migrate(engine)
    finally:
        await engine.dispose()


def build_app(settings: Settings) -> Starlette:
    """The application, and what works beside it while it serves: sagas, and the exchange with the monolith.

    Raises DatabaseUnavailable, TokenUnusable, and ValueError for a broker that cannot be spoken to.
    """
    token = choose_internal_token(settings.internal_token)
    name = f"orders-{os.getpid()}-{uuid4().hex[:8]}"  # of this process, and never of another
    engine = open_engine(settings.database)
    bus = open_bus(settings.broker_url, client=name)
    keys = IssuersKeys(settings.jwks_url, engine, kept_keys)
    signals = Signals()
    inbox = Inbox(OrderApplier(signals.notify), frozenset({ENTITY}))
    worker = SyncWorker("orders", name, engine, bus, inbox)
    book, placed = SqlSagaBook(engine, now), SqlOrders(engine)
    work = SqlWork(engine, now, poke=worker.poke, notify=signals.notify)
    clients = _open_clients(settings, token)
    goods = InventoryService(clients["inventory steps"], clients["inventory"])
    cards = PaymentsService(clients["payments steps"], clients["payments"])
    runner = SagaRunner(
        Fulfilment(work, placed, goods, cards, now).stories(),
        engine,
        DurableFunctions(journal_url(settings.database), name),
        name=name,
        now=now,
        notify=signals.notify,
    )
    counter = Counter(work, placed, goods, cards, runner, signals, now, time.monotonic, settings.order_wait)

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for close in (engine.dispose, bus.close, keys.aclose, *(client.aclose for client in clients.values())):
                stack.push_async_callback(close)
            await stack.enter_async_context(worker.running())
            await stack.enter_async_context(runner.running())
            yield

    return create_app(
        [*orders.routes(counter, placed.is_filled), *sagas.routes(book, runner), *sync.routes(engine, inbox)],
        checks={
            "database": lambda: SCHEMA.check_revision(engine),
            "broker": worker.check,
            "backfill": probes.check_filled(placed.is_filled),
            "sagas": probes.tell_stuck(book),
        },
        tags=TAGS,
        keys=keys,
        internal_token=token,
        refusals={**sync.REFUSALS, **orders.REFUSALS, **sagas.REFUSALS},
        lifetime=lifetime,
    )


def _open_clients(settings: Settings, token: str) -> dict[str, ServiceClient]:
    """For what a customer waits for, and for the steps of sagas, whose timeouts are longer (`service_layer.fulfil`)."""
    clients = {}
    for name, url in (("inventory", settings.inventory_url), ("payments", settings.payments_url)):
        clients[name] = ServiceClient(name, url, token=token, timeouts=Timeouts(attempt=1.0, whole=2.0))
        clients[f"{name} steps"] = ServiceClient(name, url, token=token, timeouts=Timeouts(attempt=30.0), retries=ONCE)
    return clients


def serve_forever(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises AddressInUse, DatabaseUnavailable, SchemaMismatch, TokenUnusable."""
    serve(settings, build_app(settings), lambda: migrate_database(settings))


def now() -> datetime:
    """This moment in whole milliseconds, as times are told: what is kept and what is told are equal."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
