"""Somebody who orders for as long as a block lasts."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from proxy.demo.place import choose_ports
from proxy.demo.shopping import Shopping


class _Shop(BaseHTTPRequestHandler):
    """Takes every order whose key is new; the second one and those after it are the service's."""

    keys: set[str]

    def do_POST(self) -> None:
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_good = order == {"sku": "FIG-1"} and self.headers["Authorization"] == "Bearer alice"
        is_good &= self.headers["Idempotency-Key"] not in self.keys
        self.keys.add(self.headers["Idempotency-Key"])
        self.send_response(201 if is_good else 409)
        side = "legacy" if len(self.keys) == 1 else "service"
        self.send_header("X-Strangler-Decision", f"route=orders;side={side};reason=stage;bucket=-")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def test_orders_go_on_until_the_end_each_with_a_key_of_its_own() -> None:
    _Shop.keys = set()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Shop) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with Shopping(server.server_port, {"sku": "FIG-1"}, {"Authorization": "Bearer alice"}) as shopping:
            while not shopping.has_been_at("service"):
                pass
        server.shutdown()
        thread.join()
    assert {each.status for each in shopping.bought} == {201}
    assert [each.side for each in shopping.bought][:2] == ["legacy", "service"]
    assert len(shopping.bought) == len(_Shop.keys)


def test_an_order_without_an_answer_is_one_too() -> None:
    with Shopping(choose_ports(documented=False).public, {}, {}) as shopping:
        while not shopping.bought:
            pass
    assert (shopping.bought[0].status, shopping.bought[0].side) == (0, "")
