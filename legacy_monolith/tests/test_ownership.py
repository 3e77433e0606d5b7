"""Who may write: the endpoints that move it, and what the shop does and shows where it may not."""

import pytest
from django.test import Client

from legacy_monolith.api.models import KeptAnswer
from legacy_monolith.orders import services as orders
from legacy_monolith.orders.models import Order
from legacy_monolith.payments.models import Payment
from legacy_monolith.stock.models import Reservation
from legacy_monolith.sync.models import Conflict, InboxPosition, OutboxEvent, OutboxPosition, Ownership
from legacy_monolith.sync.ownership import NotOwner

from .shop import ON_BOTH_DATABASES, address, get, new_order, post
from .told import give_away

pytestmark = ON_BOTH_DATABASES
TOKEN = {"Authorization": "Bearer for-tests"}


def ask(client: Client, path: str = "", body: object = None):
    if body is None:
        return client.get(f"/internal/sync{path}", headers=TOKEN)
    return client.post(f"/internal/sync{path}", body, content_type="application/json", headers=TOKEN)


def move(client: Client, verb: str, epoch: int, *entities: str):
    return ask(client, f"/{verb}", {"entities": entities or ["order"], "epoch": epoch})


@pytest.fixture
def order(shop) -> Order:
    return orders.place_order(
        customer=shop.alice, quantities={shop.mug: 2}, address=address(), card_number="4242424242424242"
    )


def test_the_status_says_how_far_the_shop_is(client, order):
    entities = ask(client).json()["entities"]
    assert list(entities) == ["order", "payment", "product", "stock"]
    assert list(entities["order"]) == [
        "owner", "epoch", "outbox_last", "unpublished", "oldest_unpublished_seconds", "applied_from_peer", "conflicts"
    ]  # fmt: skip
    told = entities["order"]
    assert (told["owner"], told["epoch"], told["outbox_last"], told["unpublished"]) == ("legacy", 1, 2, 2)
    assert told["oldest_unpublished_seconds"] >= 0
    OutboxEvent.objects.all().delete()
    quiet = ask(client).json()["entities"]["order"]
    assert (quiet["unpublished"], quiet["oldest_unpublished_seconds"], quiet["outbox_last"]) == (0, 0.0, 2)


@pytest.mark.parametrize("path", ["", "/fence", "/own"])
def test_nobody_gets_in_without_the_token(client, path):
    ways = [
        {},
        {"Authorization": "Basic for-tests"},
        {"Authorization": "Bearer för-tests"},
        {"Authorization": "Bearer"},
    ]
    for headers in ways:
        answer = client.get(f"/internal/sync{path}", headers=headers)
        if path:
            answer = client.post(f"/internal/sync{path}", {}, content_type="application/json", headers=headers)
        assert answer.status_code == 401, headers
        assert answer.json()["type"] == "urn:shop:unauthenticated"
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="internal"')


@pytest.mark.parametrize("path", ["/internal/", "/internal/nowhere", "/internal/sync/", "/internal/sync/import"])
def test_what_is_not_there_is_a_problem_not_a_page(client, path):
    answer = client.get(path, headers=TOKEN)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_a_fence_gives_up_and_says_what_was_told_last(client, order):
    answer = move(client, "fence", 2, "order", "payment", "stock")
    assert answer.status_code == 200, answer.content
    last = dict(OutboxPosition.objects.values_list("entity", "last"))
    assert answer.json() == {
        "entities": {
            entity: {"owner": "service", "epoch": 2, "outbox_last": last[entity]}
            for entity in ("order", "payment", "stock")
        }
    }
    with pytest.raises(NotOwner):
        orders.ship_order(order=order)


def test_the_same_call_again_gives_the_same_answer(client, shop):
    for verb, epoch in (("fence", 2), ("own", 3)):
        answers = [move(client, verb, epoch) for _ in "12"]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].content == answers[1].content


def test_who_comes_too_late_is_told_so_and_nothing_moves(client, shop):
    move(client, "fence", 5)
    for verb, epoch in (("own", 5), ("fence", 4), ("own", 4)):
        answer = move(client, verb, epoch, "order", "payment")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:stale-epoch")
    assert dict(Ownership.objects.values_list("entity", "epoch")) == {
        "order": 5,
        "payment": 1,
        "product": 1,
        "stock": 1,
    }


def test_who_has_not_heard_everything_may_not_own(client, shop):
    move(client, "fence", 2, "order", "stock")
    InboxPosition.objects.filter(entity="order").update(last=6)
    asked = {"entities": ["order", "stock"], "epoch": 3, "heard": {"order": 7, "stock": 0}}
    answer = ask(client, "/own", asked)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:behind")
    assert answer.json()["detail"] == "of order, events up to 6 have been heard, not up to 7"
    assert set(Ownership.objects.filter(entity__in=["order", "stock"]).values_list("epoch", flat=True)) == {2}
    InboxPosition.objects.filter(entity="order").update(last=7)
    assert [ask(client, "/own", asked).status_code for _ in "12"] == [200, 200]


def test_who_does_not_know_what_was_heard_has_heard_nothing(client, shop):
    move(client, "fence", 2, "order")
    InboxPosition.objects.filter(entity="order").delete()
    answer = ask(client, "/own", {"entities": ["order"], "epoch": 3, "heard": {"order": 1}})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:behind")
    assert Ownership.objects.get(pk="order").epoch == 2


@pytest.mark.parametrize("heard", [None, [], {"order": -1}, {"order": True}, {"order": 2**53}, {"tea": 1}])
def test_a_senseless_word_on_what_was_heard_is_refused(client, shop, heard):
    answer = ask(client, "/own", {"entities": ["order"], "epoch": 2, "heard": heard})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "heard", "message": "must be an object with a position for each entity"}
    ]
    assert ask(client, "/fence", {"entities": ["order"], "epoch": 2, "heard": {}}).status_code == 422


def test_products_stay_with_the_shop(client, shop):
    for verb in ("fence", "own"):
        answer = move(client, verb, 2, "order", "product")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:conflict")
    assert Ownership.objects.get(pk="order").epoch == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"entities": [], "epoch": 2},
        {"entities": ["basket"], "epoch": 2},
        {"entities": [["order"]], "epoch": 2},
        {"entities": ["order"], "epoch": 0},
        {"entities": ["order"], "epoch": "2"},
        {"entities": ["order"], "epoch": True},
        {"entities": ["order"], "epoch": 2, "force": True},
    ],
)
def test_a_senseless_move_is_refused(client, body):
    answer = ask(client, "/fence", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:shop:invalid-fields")
    assert Ownership.objects.get(pk="order").epoch == 1


WRITES = {
    "order": ["/api/orders", "/api/orders/{order}/cancel"],
    "payment": ["/api/orders", "/api/orders/{order}/cancel", "/api/payments", "/api/payments/{payment}/refund"],
    "stock": [
        "/api/orders",
        "/api/orders/{order}/cancel",
        "/api/reservations",
        "/api/reservations/{reservation}/commit",
        "/api/reservations/{reservation}/release",
    ],
}


@pytest.mark.parametrize("entity", WRITES)
def test_a_write_of_somebody_elses_is_refused_and_does_nothing(client, shop, order, entity):
    bodies = {
        "/api/orders": new_order(),
        "/api/payments": {
            "order_id": str(order.public_id),
            "amount": {"amount": "1.00", "currency": "EUR"},
            "card": {"number": "4242424242424242"},
        },
        "/api/reservations": {"order_id": str(order.public_id), "lines": [{"sku": "MUG-0001", "quantity": 1}]},
    }
    names = {
        "order": order.public_id,
        "payment": Payment.objects.get().public_id,
        "reservation": Reservation.objects.get().public_id,
    }
    give_away(entity)
    before = OutboxEvent.objects.count()
    for path in WRITES[entity]:
        answer = post(client, path.format(**names), bodies.get(path), shop.admin, Idempotency_Key="k")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:not-owner"), path
        assert answer.json()["title"] == "Not the owner"
    assert (Order.objects.count(), Payment.objects.count(), Reservation.objects.count()) == (1, 1, 1)
    assert shop.stock(shop.mug) == (8, 0)
    assert not KeptAnswer.objects.exists()
    assert OutboxEvent.objects.count() == before


def test_the_refusal_says_of_what(client, shop):
    for entity, detail in (
        ("stock", "stock is written elsewhere at the moment"),
        ("payment", "payments are written elsewhere at the moment"),
        ("order", "orders are written elsewhere at the moment"),
    ):
        give_away(entity)
        assert post(client, "/api/orders", new_order(), shop.alice).json()["detail"] == detail


def test_reading_goes_on_and_a_known_key_is_answered(client, shop):
    first = post(client, "/api/orders", new_order(), shop.alice, Idempotency_Key="k")
    give_away("order", "payment", "stock")
    assert get(client, first.headers["Location"], shop.alice).status_code == 200
    again = post(client, "/api/orders", new_order(), shop.alice, Idempotency_Key="k")
    assert (again.status_code, again.content) == (201, first.content)


@pytest.fixture
def staff(client, shop) -> Client:
    client.force_login(shop.admin)
    return client


@pytest.mark.parametrize(
    ("page", "what"),
    [
        ("orders/order", "orders, payments and stock"),
        ("payments/payment", "payments"),
        ("stock/stocklevel", "stock"),
        ("stock/reservation", "stock"),
    ],
)
def test_the_back_office_shows_what_others_write_for_reading_only(staff, shop, order, page, what):
    key = staff.get(f"/admin/{page}/").context["cl"].result_list[0].pk
    assert b"To look at only" not in staff.get(f"/admin/{page}/").content
    give_away("order", "payment", "stock")
    for path in (f"/admin/{page}/", f"/admin/{page}/{key}/change/"):
        shown = staff.get(path).content.decode()
        assert f"To look at only, as services write {what} at the moment." in shown
        assert "_save" not in shown
        assert 'value="ship"' not in shown
    assert staff.post(f"/admin/{page}/{key}/change/", {"difference": 1}).status_code == 403


def test_products_can_be_edited_all_the_time(staff, shop):
    give_away("order", "payment", "stock")
    assert b"_save" in staff.get(f"/admin/catalogue/product/{shop.mug.pk}/change/").content


def test_an_address_is_corrected_in_the_back_office(staff, shop, order):
    form = {"ship_to": "Bob", "street": "Elm Road 2", "postcode": "8000", "city": "Aarhus", "country": "DK"}
    assert staff.post(f"/admin/orders/order/{order.pk}/change/", form | nothing_inline()).status_code == 302
    order.refresh_from_db()
    assert (order.city, order.version, order.status) == ("Aarhus", 3, "confirmed")
    staff.post(f"/admin/orders/order/{order.pk}/change/", form | nothing_inline())
    order.refresh_from_db()
    assert order.version == 3


def nothing_inline() -> dict[str, int]:
    return {f"{name}-{count}_FORMS": 0 for name in ("lines", "changes") for count in ("TOTAL", "INITIAL")}


def test_ownership_and_conflicts_are_shown_and_cannot_be_changed(staff, shop):
    Conflict.objects.create(
        entity="order", aggregate_id="a", event_id="e", reason="both sides", at=shop.alice.date_joined, fingerprint="f"
    )
    assert b"the shop" in staff.get("/admin/sync/ownership/").content
    assert b"both sides" in staff.get("/admin/sync/conflict/").content
    for page, key in (("ownership", "order"), ("conflict", Conflict.objects.get().pk)):
        assert staff.get(f"/admin/sync/{page}/{key}/change/").status_code == 200
        assert staff.post(f"/admin/sync/{page}/{key}/change/", {"owner": "service"}).status_code == 403
        assert staff.get(f"/admin/sync/{page}/add/").status_code == 403
