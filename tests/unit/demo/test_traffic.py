"""Customers of a demo: who asks for what, and what is noted of each answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from proxy.demo.place import choose_ports
from proxy.demo.traffic import CUSTOMER, Sample, Traffic

PATHS = ("/a", "/b")


class _Echo(BaseHTTPRequestHandler):
    """Says which side it is, as the proxy would: the service for bob."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        side = "service" if self.headers[CUSTOMER] == "bob" else "legacy"
        self.send_response(200)
        self.send_header("X-Strangler-Decision", f"route=x;side={side};reason=weight;bucket=1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def served() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def first(traffic: Traffic, count: int) -> list[Sample]:
    found: list[Sample] = []
    while len(found) < count:
        found += traffic.drain()
    return found[:count]


def test_every_customer_asks_for_everything_in_turn() -> None:
    with served() as port, Traffic(port, PATHS, ("ann", "bob"), visitors=1, pause_seconds=0.001) as traffic:
        told = [(each.customer, each.path, each.side) for each in first(traffic, 5)]
        traffic.end()
    rounds = [("ann", "/a", "legacy"), ("ann", "/b", "legacy"), ("bob", "/a", "service"), ("bob", "/b", "service")]
    assert told == [*rounds, rounds[0]]


def test_a_customer_is_one_visitors_and_no_others() -> None:
    with served() as port, Traffic(port, PATHS, ("ann", "bob"), visitors=2, pause_seconds=0.001) as traffic:
        told = first(traffic, 20)
        traffic.end()
    of_bob = [each.path for each in told if each.customer == "bob"]
    assert of_bob == [PATHS[n % 2] for n in range(len(of_bob))]


def test_a_request_without_an_answer_is_noted_with_its_reason() -> None:
    nobody = choose_ports(documented=False).public
    with Traffic(nobody, PATHS, ("ann",), visitors=1, pause_seconds=0.001) as traffic:
        (one,) = first(traffic, 1)
        traffic.end()
    assert (one.status, one.well, "refused" in one.problem) == (0, False, True)
