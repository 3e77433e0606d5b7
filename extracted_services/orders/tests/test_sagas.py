"""The runner of sagas on a real journal: what was never started, what is stuck, what is old."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import open_engine, reading, writing
from extracted_services.chassis.paging import PageRequest
from extracted_services.chassis.settings import parse_database
from extracted_services.chassis.web.app import create_app
from extracted_services.orders.adapters.book import SqlOrders, SqlWork
from extracted_services.orders.adapters.durable import DurableFunctions, journal_url
from extracted_services.orders.adapters.rows import write_order
from extracted_services.orders.adapters.saga_book import SqlSagaBook
from extracted_services.orders.adapters.sagas import GONE, SagaRunner
from extracted_services.orders.adapters.schema import SCHEMA
from extracted_services.orders.adapters.tables import orders, saga_runners, sagas
from extracted_services.orders.domain.order import Address, Line, Order, Reason, cancel, draft
from extracted_services.orders.entrypoints import sagas as endpoints
from extracted_services.orders.saga.outcomes import Done, NotNow, Outcome, Refused
from extracted_services.orders.saga.plan import Patience
from extracted_services.orders.saga.states import FINAL, State
from extracted_services.orders.saga.story import Act, Call, Saga
from extracted_services.orders.service_layer.ports import Begun
from extracted_services.orders.service_layer.watch import SagaRecord

pytestmark = pytest.mark.anyio
QUICK = Patience(first=timedelta(milliseconds=1), most=timedelta(milliseconds=5), tries=3)
LIMIT = timedelta(seconds=60)


def now() -> datetime:
    return datetime.now(UTC)


class Shop:
    """Acts by name, each answering what is next on its list, then Done."""

    def __init__(self, **answers: list[Outcome]) -> None:
        """An act of two words is named with an underscore."""
        self.answers = {name.replace("_", " "): list(told) for name, told in answers.items()}
        self.calls: list[str] = []

    def act(self, name: str) -> Callable[[Call], Awaitable[Outcome]]:
        async def perform(call: Call) -> Outcome:
            self.calls.append(name)
            answers = self.answers.get(name)
            return answers.pop(0) if answers else Done()

        return perform

    @property
    def story(self) -> Saga:
        first = Saga("test", undone_by=Act("cancel", self.act("cancel"))).step("one", self.act("one"), timeout=LIMIT)
        return first.compensated_by("undo one", self.act("undo one")).step("two", self.act("two"), timeout=LIMIT)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(parse_database(database_url))
    await SCHEMA.migrate(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
def book(engine: AsyncEngine) -> SqlSagaBook:
    return SqlSagaBook(engine, now)


class BusyJournal(DurableFunctions):
    """Starts nothing the first time."""

    refused = 0

    async def start(self, name: str, function_id: str, *arguments: str | int | None) -> None:
        if not self.refused:
            self.refused += 1
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
        await super().start(name, function_id, *arguments)


@asynccontextmanager
async def running(
    engine: AsyncEngine, shop: Shop, journal: type[DurableFunctions] = DurableFunctions
) -> AsyncIterator[SagaRunner]:
    name = f"runner-{uuid4()}"
    functions = journal(journal_url(engine.url), name)
    runner = SagaRunner(
        [shop.story], engine, functions, name=name, now=now, notify=lambda order_id: None, patience=QUICK
    )
    async with runner.running():
        yield runner


async def begin(engine: AsyncEngine) -> Begun:
    async with SqlWork(engine, now)() as unit:
        return await unit.begin_saga("test", str(uuid4()))


async def until(book: SqlSagaBook, saga: Begun, *states: State) -> SagaRecord:
    for _ in range(3000):
        found = await book.find(saga.id)
        if found is not None and found.state in states:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"still {found}")


async def test_a_saga_that_is_stuck_says_why_and_goes_on_when_it_is_resumed(
    engine: AsyncEngine, book: SqlSagaBook
) -> None:
    shop = Shop(two=[NotNow("the card processor is on strike")] * QUICK.tries)
    async with running(engine, shop) as runner:
        saga = await begin(engine)
        await runner.start(saga)
        stuck = await until(book, saga, State.STUCK)
        assert (stuck.step, stuck.progress.problem) == ("two", "the card processor is on strike")
        assert await book.count_stuck() == 1
        async with asking(book, runner) as api:
            listed = (await api.get("/internal/sagas?state=stuck")).json()["items"]
            assert [(item["id"], item["done"], item["problem"]) for item in listed] == [
                (saga.id, ["one"], "the card processor is on strike")
            ]
            resumed = await api.post(f"/internal/sagas/{saga.id}/resume")
            assert (resumed.status_code, resumed.json()["run"]) == (200, 2)
            done = await until(book, saga, State.DONE)
            again = await api.post(f"/internal/sagas/{saga.id}/resume")
            assert (again.status_code, again.json()["detail"]) == (409, "A saga that is done cannot be resumed")
    assert done.run == 2
    assert shop.calls == ["one", "two", "two", "two", "two"]


async def test_an_undoing_that_is_refused_is_stuck_until_a_person_has_looked(
    engine: AsyncEngine, book: SqlSagaBook
) -> None:
    shop = Shop(two=[Refused("no")], undo_one=[Refused("never heard of it")])
    async with running(engine, shop) as runner:
        saga = await begin(engine)
        await runner.start(saga)
        stuck = await until(book, saga, State.STUCK)
        assert stuck.progress.problem == "undo one was refused: never heard of it"
        resumed = await book.resume(saga.id)
        assert resumed is not None
        assert resumed.state is State.COMPENSATING
        await runner.start(resumed.begun)
        await until(book, saga, State.COMPENSATED)
    assert shop.calls == ["one", "two", "undo one", "undo one", "cancel"]


async def test_a_saga_that_was_begun_and_never_started_is_found(engine: AsyncEngine, book: SqlSagaBook) -> None:
    saga = await begin(engine)
    async with writing(engine) as connection:
        await connection.execute(update(sagas).values(updated_at=now() - timedelta(seconds=6)))
    async with running(engine, Shop()):
        await until(book, saga, State.DONE)


async def test_a_saga_that_the_journal_does_not_take_is_started_later(engine: AsyncEngine, book: SqlSagaBook) -> None:
    async with running(engine, Shop(), BusyJournal) as runner:
        saga = await begin(engine)
        await runner.start(saga)
        async with writing(engine) as connection:
            await connection.execute(update(sagas).values(updated_at=now() - timedelta(seconds=6)))
        await until(book, saga, State.DONE)


async def test_starting_a_saga_twice_runs_it_once(engine: AsyncEngine, book: SqlSagaBook) -> None:
    shop = Shop()
    async with running(engine, shop) as runner:
        saga = await begin(engine)
        await asyncio.gather(*(runner.start(saga) for _ in range(3)))
        await until(book, saga, State.DONE)
        await runner.start(saga)
    assert shop.calls == ["one", "two"]


async def test_a_runner_that_stops_leaves_its_sagas_to_the_next_one(engine: AsyncEngine, book: SqlSagaBook) -> None:
    reached = asyncio.Event()

    async def never(_call: Call) -> Outcome:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    class Hanging(Shop):
        def act(self, name: str) -> Callable[[Call], Awaitable[Outcome]]:
            return never if name == "two" else super().act(name)

    first, second = Hanging(), Shop()
    async with running(engine, first) as runner:
        saga = await begin(engine)
        await runner.start(saga)
        await reached.wait()
    async with reading(engine) as connection:
        assert (await connection.execute(select(saga_runners.c.seen_at))).scalar_one() == GONE
    async with running(engine, second):
        await until(book, saga, State.DONE)
    assert (first.calls, second.calls) == (["one"], ["two"])


async def test_drafts_and_journals_are_removed_when_nobody_asks_for_them_any_more(
    engine: AsyncEngine, book: SqlSagaBook
) -> None:
    long_ago = now() - timedelta(days=30)
    old, new = (_dropped_draft(at) for at in (long_ago, now()))
    async with writing(engine) as connection:
        await connection.execute(insert(orders), [write_order(old), write_order(new)])
    async with running(engine, Shop()) as runner:
        saga = await begin(engine)
        await runner.start(saga)
        await until(book, saga, State.DONE)
        await runner.tidy()
        assert await SqlOrders(engine).find(old.id) is None
        assert await SqlOrders(engine).find(new.id) is not None
        assert await runner._functions.is_known(f"{saga.id}:1")
        forgotten = 0
        for _ in range(3000):  # once it has ended, which is a moment after its last note
            forgotten += await runner._functions.forget(now() + timedelta(days=1))
            if forgotten:
                break
            await asyncio.sleep(0.02)
        assert not await runner._functions.is_known(f"{saga.id}:1")
        assert await book.find(saga.id) is not None


async def test_sagas_are_listed_newest_first_by_state_to_whoever_has_the_token(
    engine: AsyncEngine, book: SqlSagaBook
) -> None:
    async with running(engine, Shop()) as runner, asking(book, runner) as api:
        made = []
        for _ in range(3):
            made.append(await begin(engine))
            await runner.start(made[-1])
            await until(book, made[-1], *FINAL)
        first = (await api.get("/internal/sagas?state=done&limit=2")).json()
        rest = (await api.get(f"/internal/sagas?state=done&limit=2&cursor={first['next']}")).json()
        assert [item["id"] for item in first["items"] + rest["items"]] == [saga.id for saga in made[::-1]]
        assert (await api.get("/internal/sagas?state=stuck")).json() == {"items": [], "next": None}
        assert (await api.get(f"/internal/sagas/{made[0].id}")).json()["state"] == "done"
        assert (await api.get(f"/internal/sagas/{uuid4()}")).json()["detail"] == "There is no saga with this id"
        assert (await api.post(f"/internal/sagas/{uuid4()}/resume")).status_code == 404
        bad = await api.get("/internal/sagas?state=lost")
        assert (bad.status_code, bad.json()["errors"][0]["field"]) == (400, "state")
        for method, path in (("GET", "/internal/sagas"), ("POST", f"/internal/sagas/{made[0].id}/resume")):
            refused = await api.request(method, path, headers={"authorization": "Bearer guessed"})
            assert refused.status_code == 401
        assert len((await book.list_in(None, PageRequest("", 100))).items) == 3


@asynccontextmanager
async def asking(book: SqlSagaBook, runner: SagaRunner) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        endpoints.routes(book, runner), checks={}, tags=("orders",), internal_token="t", refusals=endpoints.REFUSALS
    )
    headers = {"authorization": "Bearer t"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://orders.test", headers=headers) as client:
        yield client


def _dropped_draft(at: datetime) -> Order:
    address = Address("A", "B", "1", "C", "DK")
    line = Line("MUG-0001", "Mug", 1, 1490)
    made = draft(
        id=str(uuid4()),
        customer=str(uuid4()),
        lines=(line,),
        address=address,
        card_reference="tok",
        asked=None,
        now=at,
    )
    return cancel(made, Reason.INSUFFICIENT_STOCK, at)
