import pytest
from django.contrib import admin
from django.test import Client

from legacy_monolith.catalogue.models import Product
from legacy_monolith.orders import services
from legacy_monolith.orders.models import Order
from legacy_monolith.stock import services as stock
from legacy_monolith.stock.models import StockLevel

from .shop import ON_BOTH_DATABASES, address, post

pytestmark = ON_BOTH_DATABASES


@pytest.fixture
def staff(client, shop) -> Client:
    services.place_order(
        customer=shop.alice, quantities={shop.mug: 2}, address=address(), card_number="4242424242424242"
    )
    client.force_login(shop.admin)
    return client


def names() -> list[str]:
    return sorted(f"{model._meta.app_label}/{model._meta.model_name}" for model in admin.site._registry)


def test_everything_has_a_page(shop):
    assert set(names()) >= {
        "accounts/user",
        "api/keptanswer",
        "catalogue/category",
        "catalogue/product",
        "catalogue/tag",
        "orders/order",
        "payments/payment",
        "stock/reservation",
        "stock/stocklevel",
    }


def test_every_list_and_every_row_opens(staff, shop):
    post(staff, "/api/orders", {}, shop.alice)
    for name in names():
        page = staff.get(f"/admin/{name}/")
        assert page.status_code == 200, name
        for row in page.context["cl"].result_list:
            assert staff.get(f"/admin/{name}/{row.pk}/change/").status_code == 200, name


def test_every_list_can_be_searched_and_filtered(staff):
    for name in names():
        page = staff.get(f"/admin/{name}/")
        for spec in page.context["cl"].filter_specs:
            for choice in spec.choices(page.context["cl"]):
                assert staff.get(f"/admin/{name}/{choice['query_string']}").status_code == 200
        assert staff.get(f"/admin/{name}/?q=a").status_code == 200


def test_orders_are_shipped_and_delivered_from_the_list(staff, shop):
    order = Order.objects.get()
    for action, status in (("ship", "shipped"), ("deliver", "delivered")):
        staff.post("/admin/orders/order/", {"action": action, "_selected_action": [order.pk]})
        order.refresh_from_db()
        assert order.status == status
    answer = staff.post("/admin/orders/order/", {"action": "cancel", "_selected_action": [order.pk]}, follow=True)
    assert "is delivered: left as it is." in answer.content.decode()


def test_cancelling_from_the_list_gives_money_and_goods_back(staff, shop):
    staff.post("/admin/orders/order/", {"action": "cancel", "_selected_action": [Order.objects.get().pk]})
    assert shop.stock(shop.mug) == (10, 0)


def test_a_product_made_in_the_admin_has_stock_from_the_start(staff, shop):
    form = {"sku": "NEW-0001", "name": "New", "category": shop.mug.category.pk, "price": "1.00", "is_for_sale": "on"}
    form |= {"stock-TOTAL_FORMS": 0, "stock-INITIAL_FORMS": 0}
    answer = staff.post("/admin/catalogue/product/add/", form)
    assert answer.status_code == 302, answer.content.decode()
    assert StockLevel.objects.get(product__sku="NEW-0001").on_hand == 0
    assert staff.get("/api/products/NEW-0001").json()["price"]["amount"] == "1.00"


def test_stock_is_changed_by_a_difference_that_leaves_what_is_promised(staff, shop):
    StockLevel.objects.filter(product=shop.mug).update(reserved=5)
    path = f"/admin/stock/stocklevel/{shop.mug.pk}/change/"
    assert staff.post(path, {"difference": 4}).status_code == 302
    assert shop.stock(shop.mug) == (12, 5)
    assert b"Only 7 are not promised to anybody." in staff.post(path, {"difference": -8}).content
    assert staff.post(path, {"difference": -7}).status_code == 302
    assert shop.stock(shop.mug) == (5, 5)


def test_an_adjustment_that_came_too_late_changes_nothing(shop):
    StockLevel.objects.filter(product=shop.mug).update(reserved=5)
    assert not stock.adjust(product=shop.mug, difference=-6)
    assert shop.stock(shop.mug) == (10, 5)


def test_what_happened_cannot_be_edited_or_deleted(staff, shop):
    order = Order.objects.get()
    assert staff.get("/admin/orders/order/add/").status_code == 403
    assert staff.post(f"/admin/orders/order/{order.pk}/delete/", {"post": "yes"}).status_code == 403
    staff.post(f"/admin/orders/order/{order.pk}/change/", {"status": "delivered", "total": "0.00"})
    order.refresh_from_db()
    assert (order.status, str(order.total)) == ("confirmed", "29.80")


def test_renaming_a_product_changes_what_it_is_found_by(staff, shop):
    shop.mug.name = "Beaker"
    shop.mug.save(update_fields=["name"])
    assert Product.objects.get(pk=shop.mug.pk).search_text == "beaker\nmug-0001"
