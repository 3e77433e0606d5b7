"""The JSON API, as extracted_services/contracts/shop-api.yaml describes it."""

from django.urls import path

from legacy_monolith.accounts import api as accounts
from legacy_monolith.catalogue import api as catalogue
from legacy_monolith.orders import api as orders
from legacy_monolith.payments import api as payments
from legacy_monolith.stock import api as stock

from .endpoint import customer, endpoint, nothing_here, public, staff

app_name = "api"
urlpatterns = [
    path("token", endpoint(POST=public(accounts.create_token)), name="token"),
    path("products", endpoint(GET=public(catalogue.list_products)), name="products"),
    path("products/<str:sku>", endpoint(GET=public(catalogue.get_product)), name="product"),
    path("stock", endpoint(GET=public(stock.list_stock)), name="stock-levels"),
    path("stock/<str:sku>", endpoint(GET=public(stock.get_stock)), name="stock-level"),
    path("orders", endpoint(GET=customer(orders.list_orders), POST=customer(orders.create_order)), name="orders"),
    path("orders/<uuid:order_id>", endpoint(GET=customer(orders.get_order)), name="order"),
    path("orders/<uuid:order_id>/cancel", endpoint(POST=customer(orders.cancel_order)), name="order-cancel"),
    path(
        "payments",
        endpoint(GET=customer(payments.list_payments), POST=staff(payments.create_payment)),
        name="payments",
    ),
    path("payments/<uuid:payment_id>", endpoint(GET=customer(payments.get_payment)), name="payment"),
    path("payments/<uuid:payment_id>/refund", endpoint(POST=staff(payments.refund_payment)), name="payment-refund"),
    path(
        "reservations",
        endpoint(GET=customer(stock.list_reservations), POST=staff(stock.create_reservation)),
        name="reservations",
    ),
    path("reservations/<uuid:reservation_id>", endpoint(GET=customer(stock.get_reservation)), name="reservation"),
    path(
        "reservations/<uuid:reservation_id>/commit",
        endpoint(POST=staff(stock.commit_reservation)),
        name="reservation-commit",
    ),
    path(
        "reservations/<uuid:reservation_id>/release",
        endpoint(POST=staff(stock.release_reservation)),
        name="reservation-release",
    ),
    path("<path:rest>", nothing_here),
    path("", nothing_here),
]
