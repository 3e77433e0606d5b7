"""Questions to a DNS server on loopback."""

import asyncio
from collections.abc import Iterator

import dns.rcode
import pytest

from proxy.config.model import Address
from proxy.forwarding.name_service import Addresses, NameService, Target
from proxy.forwarding.sources import NotFoundError
from tests.support.dns_server import DnsServer

ORDERS = "orders.test"
SERVICE = "_http._tcp.orders.test"


@pytest.fixture(scope="module")
def running() -> Iterator[DnsServer]:
    with DnsServer.running() as server:
        yield server


@pytest.fixture
def server(running: DnsServer) -> DnsServer:
    running.rcode = None
    running.forget(ORDERS)
    running.forget(SERVICE)
    return running


@pytest.fixture
def names(server: DnsServer) -> NameService:
    return NameService(Address("127.0.0.1", server.port))


def test_addresses_of_both_kinds_hold_for_the_shorter_of_their_times(server: DnsServer, names: NameService) -> None:
    server.answer(ORDERS, "A", "192.0.2.2", "192.0.2.1", ttl=60)
    server.answer(ORDERS, "AAAA", "2001:db8::1", ttl=20)
    assert asyncio.run(names.addresses(ORDERS)) == Addresses(("192.0.2.1", "192.0.2.2", "2001:db8::1"), 20)


def test_a_kind_without_records_is_no_failure_and_limits_nothing(server: DnsServer, names: NameService) -> None:
    server.answer(ORDERS, "A", "192.0.2.1", ttl=60)
    server.answer(ORDERS, "AAAA")
    assert asyncio.run(names.addresses(ORDERS)) == Addresses(("192.0.2.1",), 60)


def test_a_name_without_addresses_is_not_found(server: DnsServer, names: NameService) -> None:
    server.answer(ORDERS, "A")
    server.answer(ORDERS, "AAAA")
    with pytest.raises(NotFoundError, match="has no address"):
        asyncio.run(names.addresses(ORDERS))


def test_a_name_that_does_not_exist_is_told_from_a_server_that_fails(server: DnsServer, names: NameService) -> None:
    with pytest.raises(NotFoundError, match="does not exist") as found:
        asyncio.run(names.addresses(ORDERS))
    assert found.value.gone
    server.rcode = dns.rcode.SERVFAIL
    with pytest.raises(NotFoundError, match="no server gave a usable answer") as found:
        asyncio.run(names.addresses(ORDERS))
    assert not found.value.gone


def test_a_service_has_targets_with_the_addresses_that_the_answer_brought_along(
    server: DnsServer, names: NameService
) -> None:
    along = [("one.test", "A", 7, "192.0.2.1"), ("one.test", "AAAA", 5, "2001:db8::1")]
    server.answer(SERVICE, "SRV", "10 5 8101 one.test.", "20 5 8102 Two.test.", ttl=30, along=along)
    service = asyncio.run(names.service(SERVICE))
    assert service.ttl == 30
    assert sorted(service.targets, key=lambda target: target.priority) == [
        Target("one.test", 8101, 10, Addresses(("192.0.2.1", "2001:db8::1"), 5)),
        Target("two.test", 8102, 20),
    ]


def test_a_service_that_is_decidedly_not_available_is_not_found(server: DnsServer, names: NameService) -> None:
    server.answer(SERVICE, "SRV", "0 0 0 .")
    with pytest.raises(NotFoundError, match="names no server"):
        asyncio.run(names.service(SERVICE))


def test_a_server_at_port_0_is_none(server: DnsServer, names: NameService) -> None:
    server.answer(SERVICE, "SRV", "1 1 0 one.test.", "2 1 8102 two.test.")
    assert asyncio.run(names.service(SERVICE)).targets == (Target("two.test", 8102, 2),)
    server.answer(SERVICE, "SRV", "1 1 0 one.test.")
    with pytest.raises(NotFoundError, match="names no server"):
        asyncio.run(names.service(SERVICE))
