"""Orders over HTTP, with everything behind them: the process, its database, its sagas, and neighbours that answer."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from extracted_services.orders.tests.neighbours import Fault, Neighbours
from extracted_services.orders.tests.service import ADDRESS, BAD_CARD, GOOD_CARD, Service, eventually, new_order


@pytest.fixture(autouse=True)
def shop(neighbours: Neighbours) -> Neighbours:
    neighbours.sell("MUG-0001", on_hand=100)
    neighbours.sell("BOWL-0001", on_hand=3, price="30.00")
    return neighbours


def test_an_order_is_confirmed_charged_and_taken_from_stock_at_once(service: Service, shop: Neighbours) -> None:
    alice = service.customer()
    answer = alice.order(("MUG-0001", 2))
    assert answer.status_code == 201, answer.text
    placed = answer.json()
    assert list(placed) == ["id", "status"]
    assert placed["status"] == "confirmed"
    assert answer.headers["location"] == f"/api/orders/{placed['id']}"
    assert shop.stock["MUG-0001"] == 98
    assert shop.of_order(placed["id"]) == (["committed"], ["captured"])
    eventually(lambda: service.sagas(placed["id"])["fulfil order"]["state"] == "done")


def test_an_order_reads_as_the_contract_says(service: Service) -> None:
    alice = service.customer()
    order = alice.read(alice.order(("MUG-0001", 2), ("BOWL-0001", 1)).json()["id"])
    assert list(order) == [
        "id", "customer", "status", "reason", "lines", "total", "shipping_address", "created_at", "updated_at"
    ]  # fmt: skip
    assert order["customer"] == alice.id
    assert [line["sku"] for line in order["lines"]] == ["BOWL-0001", "MUG-0001"]
    assert order["lines"][1]["total"] == {"amount": "29.80", "currency": "EUR"}
    assert order["total"] == {"amount": "59.80", "currency": "EUR"}
    assert order["shipping_address"] == ADDRESS
    assert order["reason"] is None


def test_a_declined_card_cancels_the_order_and_leaves_the_stock(service: Service, shop: Neighbours) -> None:
    alice = service.customer()
    answer = alice.order(("MUG-0001", 1), card=BAD_CARD)
    assert answer.status_code == 402
    order = alice.read(answer.json()["order_id"])
    assert (order["status"], order["reason"]) == ("cancelled", "payment_declined")
    assert shop.of_order(order["id"]) == (["released"], ["declined"])


def test_short_stock_is_answered_by_line_and_no_order_is_left(service: Service, shop: Neighbours) -> None:
    alice = service.customer()
    answer = alice.order(("MUG-0001", 1), ("BOWL-0001", 4))
    assert answer.status_code == 409
    assert answer.json()["errors"] == [{"field": "lines[1].quantity", "message": "is more than the 3 available"}]
    assert alice.listed() == []
    assert shop.stock["MUG-0001"] == 100


def test_a_product_that_is_unknown_is_named_by_its_line(service: Service) -> None:
    answer = service.customer().order(("MUG-0001", 1), ("NO-SUCH", 1))
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "lines[1].sku", "message": "is not the SKU of a product"}]


def test_a_total_that_no_money_can_be_is_refused(service: Service, shop: Neighbours) -> None:
    shop.sell("PALACE-0001", on_hand=99, price="99999999.99")
    answer = service.customer().order(("PALACE-0001", 2))
    assert (answer.status_code, answer.json()["detail"]) == (422, "lines come to more than 99999999.99 EUR")


def test_customers_see_their_own_orders_and_staff_see_all(service: Service) -> None:
    alice, bob, admin = service.customer(), service.customer(), service.customer("staff")
    order_id = alice.order(("MUG-0001", 1)).json()["id"]
    assert bob.get(f"/api/orders/{order_id}").status_code == 404
    assert bob.post(f"/api/orders/{order_id}/cancel").status_code == 404
    assert admin.get(f"/api/orders/{order_id}").status_code == 200
    assert admin.listed() == []


def test_orders_are_listed_newest_first_by_page_and_status(service: Service) -> None:
    alice = service.customer()
    made = [alice.order(("MUG-0001", 1)).json()["id"] for _ in range(3)]
    first = alice.get("/api/orders?limit=2").json()
    rest = alice.get(f"/api/orders?limit=2&cursor={first['next']}").json()
    assert [item["id"] for item in first["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None
    assert alice.get("/api/orders?status=shipped").json()["items"] == []
    assert alice.get("/api/orders?status=lost").status_code == 400


def test_cancelling_gives_money_and_goods_back_once(service: Service, shop: Neighbours) -> None:
    alice = service.customer()
    order_id = alice.order(("MUG-0001", 3)).json()["id"]
    for _ in range(2):
        answer = alice.post(f"/api/orders/{order_id}/cancel")
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["reason"]) == ("cancelled", "requested")
    assert shop.of_order(order_id) == (["released"], ["refunded"])
    assert shop.stock["MUG-0001"] == 100


def test_cancelling_survives_neighbours_that_are_away(service: Service, shop: Neighbours) -> None:
    alice = service.customer()
    order_id = alice.order(("MUG-0001", 1)).json()["id"]
    shop.script("refund", Fault.AWAY, Fault.LOST)
    shop.script("release", Fault.ELSEWHERE, Fault.AWAY)
    assert alice.post(f"/api/orders/{order_id}/cancel").status_code == 200
    eventually(lambda: service.sagas(order_id)["give back"]["state"] == "done")
    assert shop.of_order(order_id) == (["released"], ["refunded"])


def test_cancelling_a_pending_order_undoes_what_its_saga_did(impatient: Service, shop: Neighbours) -> None:
    alice = impatient.customer()
    with shop.hold("charge") as hold:
        order_id = alice.order(("MUG-0001", 1)).json()["id"]
        hold.wait()
        assert alice.read(order_id)["status"] == "pending"
        cancelled = alice.post(f"/api/orders/{order_id}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    eventually(lambda: impatient.sagas(order_id)["fulfil order"]["state"] == "compensated")
    assert shop.of_order(order_id) == (["released"], ["refunded"])
    assert alice.read(order_id)["reason"] == "requested"


def test_who_must_wait_too_long_is_told_pending_and_the_order_goes_on(impatient: Service, shop: Neighbours) -> None:
    alice = impatient.customer()
    with shop.hold("charge"):
        answer = alice.order(("MUG-0001", 1), key="k")
        assert (answer.status_code, answer.json()["status"]) == (201, "pending")
    order_id = answer.json()["id"]
    eventually(lambda: alice.read(order_id)["status"] == "confirmed")
    again = alice.order(("MUG-0001", 1), key="k")
    assert (again.content, again.headers["idempotency-replayed"]) == (answer.content, "true")


def test_an_order_that_stock_turns_out_short_for_after_pending_stays_to_be_seen(
    impatient: Service, shop: Neighbours
) -> None:
    alice = impatient.customer()
    shop.stock["BOWL-0001"] = 0
    with shop.hold("reserve"):
        order_id = alice.order(("BOWL-0001", 1)).json()["id"]
        assert [order["id"] for order in alice.listed()] == [order_id]
    eventually(lambda: alice.read(order_id)["status"] == "cancelled")
    assert alice.read(order_id)["reason"] == "insufficient_stock"


def test_goods_that_went_back_meanwhile_undo_the_charge(impatient: Service, shop: Neighbours) -> None:
    alice = impatient.customer()
    with shop.hold("charge") as hold:
        order_id = alice.order(("MUG-0001", 1)).json()["id"]
        hold.wait()
        shop.expire(order_id)
    eventually(lambda: alice.read(order_id)["status"] == "cancelled")
    assert shop.of_order(order_id) == (["released"], ["refunded"])
    assert shop.stock["MUG-0001"] == 100


@pytest.mark.parametrize("act", ["reserve", "charge", "commit"])
@pytest.mark.parametrize("fault", list(Fault))
def test_trouble_of_a_moment_is_not_seen(service: Service, shop: Neighbours, act: str, fault: Fault) -> None:
    shop.script(act, fault)
    answer = service.customer().order(("MUG-0001", 1))
    assert answer.json()["status"] == "confirmed"
    assert shop.of_order(answer.json()["id"]) == (["committed"], ["captured"])


def test_the_same_key_and_body_give_the_first_answer_again(service: Service, shop: Neighbours) -> None:
    alice = service.customer()
    first, second = (alice.order(("MUG-0001", 1), key="k-1") for _ in "12")
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert len(alice.listed()) == 1


@pytest.mark.parametrize(("sku", "card", "status"), [("MUG-0001", BAD_CARD, 402), ("BOWL-0001", GOOD_CARD, 409)])
def test_a_refusal_is_given_again_without_another_attempt(
    service: Service, shop: Neighbours, sku: str, card: str, status: int
) -> None:
    alice = service.customer()
    first = alice.order((sku, 9), card=card, key="k")
    asked = shop.times("reserve")
    shop.stock[sku] = 99
    second = alice.order((sku, 9), card=card, key="k")
    assert (first.status_code, second.status_code) == (status, status)
    assert first.content == second.content
    assert second.headers["content-type"] == "application/problem+json"
    assert shop.times("reserve") == asked


def test_the_same_key_with_another_body_is_refused(service: Service) -> None:
    alice = service.customer()
    alice.order(("MUG-0001", 1), key="k")
    answer = alice.order(("MUG-0001", 2), key="k")
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:shop:idempotency-key-reused"


def test_a_refused_body_does_not_use_up_its_key(service: Service) -> None:
    alice = service.customer()
    assert alice.order(("NO-SUCH", 1), key="k").status_code == 422
    assert alice.order(("MUG-0001", 1), key="k").status_code == 201


def test_a_product_that_goes_off_sale_in_between_does_not_use_up_its_key(service: Service, shop: Neighbours) -> None:
    alice = service.customer()
    shop.script_answer("reserve", 422, "invalid-fields", "lines[0].sku", "is not the SKU of a product")
    answer = alice.order(("MUG-0001", 1), key="k")
    assert (answer.status_code, answer.json()["detail"]) == (422, "lines[0].sku is not the SKU of a product")
    assert alice.listed() == []
    assert alice.order(("MUG-0001", 1), key="k").status_code == 201


def test_twenty_requests_of_one_key_at_once_make_one_order(service: Service, shop: Neighbours) -> None:
    alice = service.customer()
    start = threading.Barrier(20)

    def place(_number: int) -> bytes:
        start.wait()
        return alice.order(("MUG-0001", 1), key="same").content

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(place, range(20)))
    assert len(answers) == 1
    assert len(alice.listed()) == 1
    assert shop.of_order(alice.listed()[0]["id"]) == (["committed"], ["captured"])


def test_no_card_number_is_kept_or_told_to_anyone_but_payments(service: Service, shop: Neighbours) -> None:
    shop.seen.clear()
    service.customer().order(("MUG-0001", 1), key="k")
    assert [told.partition(" ")[0] for told in shop.seen if GOOD_CARD in told] == ["/internal/cards"]
    assert GOOD_CARD not in service.output
    for file in service.folder.glob("*.db*"):
        assert GOOD_CARD.encode() not in file.read_bytes(), file


def test_payments_that_are_away_from_the_start_are_said_so_and_nothing_is_kept(
    service: Service, shop: Neighbours
) -> None:
    alice = service.customer()
    shop.script("card", Fault.AWAY)
    answer = alice.order(("MUG-0001", 1), key="k")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:unavailable")
    assert answer.headers["retry-after"]
    assert alice.listed() == []
    assert alice.order(("MUG-0001", 1), key="k").status_code == 201


def test_an_order_with_stock_that_is_away_is_accepted_and_finished_later(impatient: Service, shop: Neighbours) -> None:
    alice = impatient.customer()
    with shop.always("reserve", Fault.AWAY):
        answer = alice.order(("MUG-0001", 1))
        assert (answer.status_code, answer.json()["status"]) == (201, "pending")
        assert alice.read(answer.json()["id"])["status"] == "pending"
    eventually(lambda: alice.read(answer.json()["id"])["status"] == "confirmed")


def test_a_body_is_judged_in_the_order_of_the_contract(service: Service) -> None:
    alice = service.customer()
    body = new_order(("MUG-0001", 1)) | {"colour": "blue"}
    assert alice.post("/api/orders", body, key="k" * 256).json()["type"] == "urn:shop:invalid-parameter"
    assert alice.post("/api/orders", body).json()["detail"] == (
        "body has a property other than lines, shipping_address, card"
    )
    assert service.http.post("/api/orders", json=body).status_code == 401
