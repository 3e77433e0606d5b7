"""Many who write at once, and somebody who takes the writing away from them, on real transactions."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection

from extracted_services.contracts.envelope import decode
from legacy_monolith.conftest import default_database
from legacy_monolith.orders import services as orders
from legacy_monolith.orders.models import Order
from legacy_monolith.stock import services as stock
from legacy_monolith.stock.models import StockLevel
from legacy_monolith.sync import outbox, ownership
from legacy_monolith.sync.models import OutboxEvent, OutboxPosition, Ownership
from legacy_monolith.sync.ownership import NotOwner
from legacy_monolith.sync.writing import writing

from .shop import GOOD_CARD, Shop, address

WAIT_S = 60
TURN_S = 120  # for all who stand in one line
ENTITIES = ("order", "payment", "stock")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def open_shop(request, tmp_path_factory, django_environment) -> Iterator[Shop]:
    """A shop whose transactions are real, in a database of this module."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('shop') / 'shop.db'}"
    else:
        postgres = request.getfixturevalue("postgres")
        url = postgres.url(postgres.create_database())
    with default_database(url):
        if request.param == "sqlite":
            connection.settings_dict["OPTIONS"]["timeout"] = TURN_S
        call_command("migrate", verbosity=0, interactive=False)
        shop = Shop.open()
        StockLevel.objects.filter(product=shop.mug).update(on_hand=100_000)
        yield shop


@pytest.fixture
def shop(open_shop) -> Iterator[Shop]:
    """Owned by itself, whatever the test before did."""
    yield open_shop
    epoch = max(Ownership.objects.values_list("epoch", flat=True))
    ownership.own(ENTITIES, epoch + 1)


def in_thread(act: Callable[[], object]) -> Future:
    pool = ThreadPoolExecutor(1)
    future = pool.submit(closing, act)
    pool.shutdown(wait=False)
    return future


def closing(act: Callable[[], object]) -> object:
    try:
        return act()
    finally:
        connection.close()


def place(shop: Shop) -> Order:
    return orders.place_order(customer=shop.alice, quantities={shop.mug: 1}, address=address(), card_number=GOOD_CARD)


def positions(entity: str) -> list[int]:
    return [decode(row.event.encode()).position for row in OutboxEvent.objects.filter(topic=entity).order_by("pk")]


def test_a_fence_waits_for_whoever_is_writing_and_counts_what_they_tell(shop):
    writing_now, go_on = threading.Event(), threading.Event()

    def write() -> None:
        with writing("stock"):
            writing_now.set()
            assert go_on.wait(WAIT_S)
            stock.adjust(product=shop.mug, difference=1)

    writer = in_thread(write)
    assert writing_now.wait(WAIT_S)
    before = OutboxPosition.objects.get(pk="stock").last
    fence = in_thread(lambda: ownership.fence(["stock"], 100))
    with pytest.raises(TimeoutError):
        fence.result(0.5)
    go_on.set()
    assert writer.result(WAIT_S) is None
    assert fence.result(WAIT_S)["stock"].outbox_last == before + 1
    with pytest.raises(NotOwner):
        stock.adjust(product=shop.mug, difference=1)


def test_a_fence_of_one_entity_and_a_writer_of_another_leave_each_other_alone(shop):
    ownership.fence(["payment"], 200)
    assert stock.adjust(product=shop.mug, difference=1)


def test_writers_who_overlap_all_the_time_do_not_keep_a_fence_waiting(shop):
    over, at_work = threading.Event(), threading.Barrier(7)

    def write() -> int:
        count = 0
        while not over.is_set():
            try:
                with writing("order"):
                    over.wait(0.02)
            except NotOwner:
                break
            count += 1
            if count == 1:
                at_work.wait(WAIT_S)
            over.wait(0.005)  # SQLite has no queue: whoever never pauses is always first again
        return count

    writers = [in_thread(write) for _ in range(6)]
    try:
        at_work.wait(WAIT_S)
        over.wait(0.3)
        ownership.fence(["order"], 300)
        assert all(writer.result(WAIT_S) > 0 for writer in writers)
    finally:
        over.set()


def test_positions_have_no_gaps_and_commit_in_order_however_many_write(shop):
    before = {entity: OutboxPosition.objects.get(pk=entity).last for entity in ENTITIES}
    OutboxEvent.objects.all().delete()

    def write(number: int) -> None:
        with writing():
            place(shop)
            if number % 5 == 4:
                raise InterruptedError

    with ThreadPoolExecutor(20) as pool:
        ends = [pool.submit(closing, lambda number=number: write(number)) for number in range(40)]
    assert sum(isinstance(end.exception(), InterruptedError) for end in ends) == 8
    assert sum(end.exception() is None for end in ends) == 32, [end.exception() for end in ends]
    for entity in ENTITIES:
        assert positions(entity) == list(range(before[entity] + 1, OutboxPosition.objects.get(pk=entity).last + 1))
    assert len(positions("order")) == 64


def test_no_write_succeeds_on_whoever_does_not_own(shop):
    """Moves away and back under many writers: what was acknowledged is there, and nothing else."""
    over, has_placed, is_refused = threading.Event(), threading.Event(), threading.Event()
    before = Order.objects.count()

    def write() -> tuple[int, int]:
        placed = refused = 0
        while not over.is_set():
            try:
                place(shop)
                placed += 1
                has_placed.set()
            except NotOwner:
                refused += 1
                is_refused.set()
            over.wait(0.005)
        return placed, refused

    # A process of the shop writes in one thread; on SQLite, more than a few that never rest would starve each other.
    writers = [in_thread(write) for _ in range(2 if connection.vendor == "sqlite" else 6)]
    try:
        for epoch in range(400, 412, 2):
            has_placed.clear()
            assert has_placed.wait(WAIT_S)
            over.wait(0.03)
            fenced = ownership.fence(ENTITIES, epoch)
            counted = (Order.objects.count(), OutboxPosition.objects.get(pk="order").last)
            is_refused.clear()
            assert is_refused.wait(WAIT_S)
            over.wait(0.03)
            assert counted == (Order.objects.count(), OutboxPosition.objects.get(pk="order").last)
            assert fenced["order"].outbox_last == counted[1]
            ownership.own(ENTITIES, epoch + 1)
    finally:
        over.set()
    results = [writer.result(WAIT_S) for writer in writers]
    assert sum(placed for placed, _ in results) == Order.objects.count() - before > 0
    assert sum(refused for _, refused in results) > 0


def test_one_relay_at_a_time_has_the_outbox(shop):
    assert outbox.take_lease("a", 60)
    assert outbox.take_lease("a", 60)
    assert not outbox.take_lease("b", 60)
    assert outbox.take_lease("a", 0)
    assert outbox.take_lease("b", 60)
    assert outbox.take_lease("b", 0)


def test_the_relay_gets_what_is_not_published_in_order(shop):
    OutboxEvent.objects.all().delete()
    for _ in range(3):
        stock.adjust(product=shop.mug, difference=1)
    rows = outbox.unpublished(2)
    assert [row.message.key for row in rows] == ["MUG-0001", "MUG-0001"]
    assert [decode(row.message.value).id for row in rows] == [row.message.id for row in rows]
    outbox.mark_published([rows[0].id])
    assert [row.id for row in outbox.unpublished(9)] == [rows[1].id, rows[1].id + 1]
    outbox.forget_published()
    assert OutboxEvent.objects.count() == 3
    OutboxEvent.objects.filter(pk=rows[0].id).update(published_at="2020-01-01T00:00:00Z")
    outbox.forget_published()
    assert OutboxEvent.objects.count() == 2
