"""The database goes away while orders are under way, and comes back: nobody has to do anything."""

from pathlib import Path

import pytest

from extracted_services.orders.tests.neighbours import Fault, open_neighbours
from extracted_services.orders.tests.service import IMPATIENT, eventually, open_service
from tests.support.postgres import started_postgres


@pytest.mark.slow
def test_a_database_that_is_away_is_503_and_orders_go_on_when_it_is_back(tmp_path: Path) -> None:
    with started_postgres() as server, open_neighbours() as shop:
        shop.sell("MUG-0001", on_hand=10)
        url = server.url(server.create_database())
        with open_service(tmp_path, url, shop, ORDER_WAIT=IMPATIENT) as service:
            alice = service.customer()
            with shop.always("charge", Fault.AWAY):
                waiting = alice.order(("MUG-0001", 1), key="k").json()["id"]
                server.stop()
                for answer in (alice.order(("MUG-0001", 1), key="l"), alice.get("/api/orders")):
                    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
                    assert answer.json()["type"] == "urn:shop:unavailable"
                readiness = service.http.get("/readyz")
                assert (readiness.status_code, readiness.json()["ready"]) == (503, False)
                assert service.http.get("/healthz").status_code == 200
                server.start()
            eventually(lambda: alice.get(f"/api/orders/{waiting}").status_code == 200)
            assert eventually(lambda: alice.order(("MUG-0001", 1), key="l").json().get("id"))
            assert len(alice.listed()) == 2
            eventually(lambda: {order["status"] for order in alice.listed()} == {"confirmed"}, within=120)
            assert shop.of_order(waiting) == (["committed"], ["captured"])
