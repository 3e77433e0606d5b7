from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import F

from legacy_monolith.accounts.models import User
from legacy_monolith.catalogue.models import Product
from legacy_monolith.orders.models import Order, OrderLine, StatusChange
from legacy_monolith.payments.models import Payment
from legacy_monolith.stock.models import StockLevel

SIZE = {"products": 60, "orders": 80, "users": 10, "no_pictures": True}
TABLES = (Product, StockLevel, Order, OrderLine, StatusChange, Payment)


@pytest.fixture
def empty_shop(database):
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def run(**options) -> str:
    output = StringIO()
    call_command("seed", stdout=output, **{**SIZE, **options})
    return output.getvalue()


def contents() -> list:
    """Everything there is, without integer keys (they go on counting) and passwords (their salt is random)."""
    rows = []
    for table in TABLES:
        names = [field.name for field in table._meta.concrete_fields if not field.is_relation and field.name != "id"]
        rows.append(list(table.objects.order_by("pk").values_list(*names)))
    return [*rows, list(User.objects.order_by("username").values_list("username", "public_id", "email", "date_joined"))]


def test_the_same_numbers_give_the_same_shop(empty_shop):
    run()
    first = contents()
    run(force=True)
    assert contents() == first
    run(force=True, seed=8)
    assert contents() != first


def test_it_leaves_a_shop_that_has_data_alone(empty_shop):
    run()
    Product.objects.filter(sku="MUG-0001").update(name="Mine")
    assert "nothing was changed" in run()
    assert Product.objects.get(sku="MUG-0001").name == "Mine"


def test_the_logins_it_names_work(client, shop):
    run(force=True)
    for name in ("alice", "bob", "carol", "admin"):
        assert client.login(username=name, password=f"{name}-pass")
    assert not client.login(username="customer0001", password="customer0001-pass")


def test_the_books_balance(empty_shop):
    run()
    for order in Order.objects.prefetch_related("lines", "changes"):
        assert order.total == sum(line.total for line in order.lines.all())
        history = [change.status for change in order.changes.all()]
        assert (history[0], history[-1]) == ("pending", order.status)
        assert order.public_id.version == 7
    assert Payment.objects.count() == Order.objects.count() == 80
    declined = set(Order.objects.filter(reason="payment_declined").values_list("public_id", flat=True))
    assert set(Payment.objects.filter(status="declined").values_list("order_id", flat=True)) == declined
    assert not StockLevel.objects.filter(reserved__gt=F("on_hand")).exists()
    assert StockLevel.objects.count() == Product.objects.count() == 60


def test_pictures_are_the_same_bytes_every_time(empty_shop, scratch):
    run(no_pictures=False, products=3)
    file = scratch / "media" / Product.objects.get(sku="MUG-0001").image.name
    first = file.read_bytes()
    run(no_pictures=False, products=3, force=True)
    assert file.read_bytes() == first
    assert first.startswith(b"\x89PNG")


def test_a_negative_number_is_refused(empty_shop):
    with pytest.raises(CommandError, match="must not be negative"):
        run(orders=-1)
