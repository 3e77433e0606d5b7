"""Connections kept for the next request: which one is taken, which are closed (RFC 9112 section 9.3)."""

import pytest

from proxy.config.model import Endpoint, UpstreamTls
from proxy.forwarding.pool import FRESH_SECONDS, IDLE_SECONDS, MAX_IDLE, EndpointKey, EndpointPool
from proxy.forwarding.upstream import UpstreamConnection
from proxy.observability.counters import Counters
from tests.support.wire_text import answer
from tests.unit.forwarding.upstream_side import AtOnce, Receiver, Transport

SYSTEM_TLS = UpstreamTls()


class Shelf:
    """A pool with its clock, and connections made for it."""

    def __init__(self, scheme="http", tls=SYSTEM_TLS):
        self.time = 1000.0
        self.counters = Counters()
        key = EndpointKey(Endpoint(scheme, "svc.internal", 8103, "/base"), tls)
        self.pool = EndpointPool(key, self.counters, lambda: self.time)
        self.pool.cork = AtOnce()

    def connection(self):
        made = UpstreamConnection(self.pool)
        made.connection_made(Transport(made))
        return made

    def put(self, count=1):
        made = [self.connection() for _ in range(count)]
        for one in made:
            self.pool.adopt(one)
            self.serve(one)
            self.time += 0.001
        return made

    def serve(self, connection):
        """An exchange that ends cleanly: the connection goes back to its pool."""
        Receiver(now=self.time).ask(connection)
        connection.data_received(answer())


@pytest.fixture
def shelf():
    return Shelf()


def closed(connection):
    return connection.transport.aborted


def test_an_empty_pool_has_nothing_to_lend(shelf):
    assert shelf.pool.take(repeatable=True) is None


def test_the_connection_used_last_is_taken_first(shelf):
    first, second = shelf.put(2)
    assert shelf.pool.take(repeatable=True) is second
    assert shelf.pool.take(repeatable=True) is first
    assert shelf.pool.take(repeatable=True) is None
    assert first.reused
    assert second.reused


def test_a_request_that_may_not_be_repeated_takes_fresh_connections_only(shelf):
    (kept,) = shelf.put()
    shelf.time += FRESH_SECONDS + 0.1
    assert shelf.pool.take(repeatable=False) is None
    assert shelf.pool.idle == 1
    assert shelf.pool.take(repeatable=True) is kept


def test_a_fresh_connection_serves_a_write(shelf):
    (kept,) = shelf.put()
    shelf.time += FRESH_SECONDS / 2
    assert shelf.pool.take(repeatable=False) is kept


def test_a_connection_that_closed_while_idle_is_not_lent(shelf):
    first, second = shelf.put(2)
    second.connection_lost(None)
    assert shelf.pool.idle == 1
    assert shelf.pool.take(repeatable=True) is first


def test_idle_connections_expire_oldest_first(shelf):
    old = shelf.put(2)
    shelf.time += IDLE_SECONDS / 2
    young = shelf.put(1)
    shelf.pool.expire(shelf.time)
    assert not any(map(closed, old + young))
    shelf.time += IDLE_SECONDS / 2
    shelf.pool.expire(shelf.time)
    assert [closed(one) for one in old + young] == [True, True, False]
    assert shelf.pool.idle == 1


def test_idle_connections_are_bounded(shelf):
    kept = shelf.put(MAX_IDLE)
    (spare,) = shelf.put()
    assert closed(spare)
    assert not any(map(closed, kept))
    assert shelf.pool.idle == MAX_IDLE


def test_a_retired_pool_closes_what_is_idle_and_what_comes_back(shelf):
    (idle,) = shelf.put()
    busy = shelf.connection()
    shelf.pool.retire()
    assert closed(idle)
    assert not closed(busy)
    shelf.serve(busy)
    assert closed(busy)
    assert shelf.pool.idle == 0


def test_connections_are_counted_until_they_are_gone(shelf):
    first, second = shelf.put(2)
    assert shelf.counters.gauges.upstream_connections == 2
    first.connection_lost(None)
    second.close()
    assert shelf.counters.gauges.upstream_connections == 0


def test_a_pool_knows_how_its_endpoint_is_called(shelf):
    assert shelf.pool.name == "http://svc.internal:8103/base"
    assert (shelf.pool.authority, shelf.pool.prefix) == (b"svc.internal:8103", "/base")


def test_a_ca_bundle_that_is_not_there_is_told_at_once():
    with pytest.raises(OSError, match="No such file"):
        Shelf("https", UpstreamTls(ca="/nowhere/ca.pem"))
    assert Shelf("http", UpstreamTls(ca="/nowhere/ca.pem")).pool
