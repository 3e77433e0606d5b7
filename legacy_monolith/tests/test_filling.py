"""Backfill and reconciliation, against a service that is a dictionary."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from extracted_services.contracts.envelope import checksum, from_document
from legacy_monolith.orders import services as orders
from legacy_monolith.stock import services as stock
from legacy_monolith.stock.models import StockLevel
from legacy_monolith.sync import filling
from legacy_monolith.sync.comparison import Aggregate, compare, own_aggregates
from legacy_monolith.sync.models import Backfill, OutboxPosition
from legacy_monolith.sync.peer import CannotAsk
from legacy_monolith.sync.registry import KINDS, SERVICES

from .shop import ON_BOTH_DATABASES, new_order, post

pytestmark = ON_BOTH_DATABASES


class Service:
    """Keeps what it is sent; fails when it is told to."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {name: {} for name in KINDS}
        self.calls: list[dict] = []
        self.fails_after = 10**9

    def send(self, events, **others):
        if len(self.calls) >= self.fails_after:
            raise CannotAsk("it went away")
        self.calls.append({"events": list(events), **others})
        for document in events:
            event = from_document(document)
            assert event.origin == "legacy"
            assert event.position is None
            self.held[event.kind][event.aggregate_id] = event
        return {"take": len(events), "old": 0}

    def aggregates(self, name: str) -> list[Aggregate]:
        return [
            Aggregate(key, event.aggregate_version, checksum(event.data))
            for key, event in sorted(self.held[name].items())
        ]

    def compare(self, name: str):
        return compare(name, own_aggregates(KINDS[name]), self.aggregates(name))


@pytest.fixture
def busy_shop(client, shop):
    for number in range(5):
        post(client, "/api/orders", new_order(quantity=1), shop.alice, Idempotency_Key=f"k-{number}")
    return shop


def run(service: Service, name: str, *, anew: bool = False) -> dict[str, int]:
    return filling.fill(filling.begin(name, anew=anew), service, lambda kind, count: None, batch=2)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_was_filled_holds_what_the_shop_holds(busy_shop, name):
    service = Service()
    decisions = run(service, name)
    for kind in SERVICES[name]:
        found = service.compare(kind)
        assert (found.differing, found.here) == (0, found.there)
        assert found.here == {"product": 3, "level": 4}.get(kind, 5)
    assert decisions["take"] == sum(len(call["events"]) for call in service.calls)


def test_it_goes_on_where_it_was_interrupted(busy_shop):
    service = Service()
    service.fails_after = 2
    with pytest.raises(CannotAsk):
        run(service, "orders")
    assert Backfill.objects.get().progress["order"]["sent"] == 4
    covers = Backfill.objects.get().covers
    orders.ship_order(order=KINDS["order"].after("", 1)[0])
    service.fails_after = 10**9
    run(service, "orders")
    sent = [event["aggregate_id"] for call in service.calls for event in call["events"]]
    assert len(sent) == len(set(sent)) == 5
    assert service.calls[-1] == {"events": [], "complete": True, "covers": covers}
    assert covers == {"order": OutboxPosition.objects.get(pk="order").last - 1}


def test_the_last_call_alone_says_that_it_is_complete(busy_shop):
    service = Service()
    run(service, "inventory")
    assert [call.get("complete", False) for call in service.calls] == [False] * (len(service.calls) - 1) + [True]
    assert set(service.calls[-1]["covers"]) == {"product", "stock"}


def test_it_begins_anew_after_its_end_or_when_told_to(busy_shop):
    service = Service()
    run(service, "orders")
    run(service, "orders")
    assert len(service.calls) == 8
    service.fails_after = 9
    with pytest.raises(CannotAsk):
        run(service, "orders")
    service.fails_after = 10**9
    run(service, "orders", anew=True)
    assert len(service.calls) == 13


def test_first_answers_are_filled_in_with_what_they_are_about(busy_shop):
    service = Service()
    run(service, "orders")
    assert sorted(event.data["answer"]["key"] for event in service.held["order"].values()) == [
        f"k-{number}" for number in range(5)
    ]


def test_a_level_that_nobody_has_written_is_left_out(shop):
    StockLevel.objects.filter(product=shop.rug).update(version=0)
    service = Service()
    run(service, "inventory")
    assert "RUG-0001" not in service.held["level"]
    assert service.compare("level").differing == 0


def test_differences_are_counted_and_the_first_ones_kept(busy_shop):
    service = Service()
    run(service, "inventory")
    stock.adjust(product=busy_shop.mug, difference=1)
    del service.held["level"]["BOWL-0001"]
    service.held["level"]["ZZZ-0001"] = service.held["level"]["MUG-0001"]
    found = service.compare("level")
    assert (found.here, found.there, found.differing) == (4, 4, 3)
    first = {difference.key: (difference.here is None, difference.there is None) for difference in found.first}
    assert first == {"BOWL-0001": (False, True), "MUG-0001": (False, False), "ZZZ-0001": (True, False)}


def test_the_commands_say_when_nobody_is_there(shop):
    output, errors = StringIO(), StringIO()
    with override_settings(SERVICE_URLS=dict.fromkeys(SERVICES, "http://127.0.0.1:9")):
        with pytest.raises(CommandError, match="cannot be reached"):
            call_command("backfill", "orders", stdout=output, stderr=errors)
        with pytest.raises(SystemExit) as end:
            call_command("reconcile", "orders", stdout=output, stderr=errors)
    assert end.value.code == 3
    assert "cannot be reached (ConnectError)" in errors.getvalue()
