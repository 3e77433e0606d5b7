"""Where endpoints are found."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import dns.rcode
import pytest

from proxy.config.model import MAX_ENDPOINTS, Address, Discover, DiscoverKind, Endpoint
from proxy.forwarding.name_service import Addresses, NameService, Service, Target
from proxy.forwarding.sources import (
    FILE_SECONDS,
    MAX_ASKED,
    MAX_FILE_BYTES,
    FileSource,
    Found,
    NotFoundError,
    ServiceSource,
    open_source,
)
from tests.support.dns_server import DnsServer

NAME = "_http._tcp.orders.test"


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer.running() as server:
        yield server


def find(server: DnsServer, discover: Discover) -> Found:
    return asyncio.run(open_source(discover).find())


def of_service(server: DnsServer, scheme: str = "http") -> Discover:
    return Discover(DiscoverKind.SRV, NAME, resolver=Address("127.0.0.1", server.port), scheme=scheme)


def of_addresses(server: DnsServer) -> Discover:
    return Discover(DiscoverKind.DNS, "orders.test", 8101, resolver=Address("127.0.0.1", server.port))


def test_addresses_become_endpoints_in_an_order_that_does_not_depend_on_the_answers(server: DnsServer) -> None:
    server.answer("orders.test", "A", "192.0.2.10", "192.0.2.9", ttl=4)
    server.answer("orders.test", "AAAA", "2001:db8::1", ttl=9)
    assert find(server, of_addresses(server)) == Found(
        (
            Endpoint("http", "192.0.2.9", 8101),
            Endpoint("http", "192.0.2.10", 8101),
            Endpoint("http", "2001:db8::1", 8101),
        ),
        4,
    )


def test_more_addresses_than_are_taken_are_a_failure(server: DnsServer) -> None:
    addresses = [f"10.0.{n // 250}.{n % 250}" for n in range(MAX_ENDPOINTS + 1)]
    server.answer("orders.test", "A", *addresses)
    server.answer("orders.test", "AAAA")
    with pytest.raises(NotFoundError, match="1001 endpoints; at most 1000"):
        find(server, of_addresses(server))


def test_of_a_service_the_targets_of_the_best_priority_are_taken_and_their_addresses_asked_for(
    server: DnsServer,
) -> None:
    server.answer(NAME, "SRV", "1 0 8101 one.test.", "1 9 8102 two.test.", "2 0 8103 three.test.", ttl=30)
    server.answer("one.test", "A", "192.0.2.1", ttl=8)
    server.answer("two.test", "A", "192.0.2.2", ttl=90)
    server.answer("three.test", "A", "192.0.2.3")
    endpoints = (Endpoint("https", "192.0.2.1", 8101), Endpoint("https", "192.0.2.2", 8102))
    assert find(server, of_service(server, "https")) == Found(endpoints, 8)
    assert server.asked["three.test", "A"] == 0


def test_addresses_that_came_along_are_not_asked_for_again(server: DnsServer) -> None:
    server.answer(NAME, "SRV", "1 0 8101 one.test.", ttl=30, along=[("one.test", "A", 3, "192.0.2.1")])
    assert find(server, of_service(server)) == Found((Endpoint("http", "192.0.2.1", 8101),), 3)
    assert server.asked["one.test", "A"] == 0


def test_a_target_that_does_not_exist_is_left_out_and_the_next_priority_takes_its_place(server: DnsServer) -> None:
    server.answer(NAME, "SRV", "1 0 8101 gone.test.", "2 0 8102 two.test.", "2 0 8103 gone.test.")
    server.answer("two.test", "A", "192.0.2.2")
    assert find(server, of_service(server)).endpoints == (Endpoint("http", "192.0.2.2", 8102),)


def test_a_service_none_of_whose_targets_exists_is_not_found(server: DnsServer) -> None:
    server.answer(NAME, "SRV", "1 0 8101 gone.test.")
    with pytest.raises(NotFoundError, match=rf"no target of {NAME} has"):
        find(server, of_service(server))


def test_a_server_that_fails_is_a_failure_and_no_empty_answer(server: DnsServer) -> None:
    server.rcode = dns.rcode.SERVFAIL
    for discover in (of_service(server), of_addresses(server)):
        with pytest.raises(NotFoundError, match="no server gave"):
            find(server, discover)


class CountedNames(NameService):
    """A service of many targets, each with its own address; one may be unknown. Counts who waits for an answer."""

    def __init__(self, targets: int, unknown: int | None = None) -> None:
        super().__init__()
        self.targets = targets
        self.unknown = unknown
        self.asked = self.waiting = self.most = 0

    async def service(self, name: str) -> Service:
        return Service(tuple(Target(f"{number}", 80, 1) for number in range(self.targets)), 60)

    async def addresses(self, name: str) -> Addresses:
        self.asked += 1
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await asyncio.sleep(0)
        finally:
            self.waiting -= 1
        number = int(name)
        if number == self.unknown:
            raise NotFoundError("nobody answers")
        return Addresses((f"10.0.{number // 250}.{number % 250}",), 60)


def test_of_a_service_with_many_targets_some_are_asked_for_at_a_time() -> None:
    names = CountedNames(MAX_ENDPOINTS)
    found = asyncio.run(ServiceSource(names, NAME, "http").find())
    assert (len(found.endpoints), names.most) == (MAX_ENDPOINTS, MAX_ASKED)


def test_a_target_that_cannot_be_found_out_ends_the_asking_for_the_others() -> None:
    names = CountedNames(MAX_ENDPOINTS, unknown=0)
    with pytest.raises(NotFoundError, match="nobody answers"):
        asyncio.run(ServiceSource(names, NAME, "http").find())
    assert names.asked < 3 * MAX_ASKED
    assert names.waiting == 0


def test_a_service_with_more_targets_than_are_taken_is_not_asked_about() -> None:
    names = CountedNames(MAX_ENDPOINTS + 1)
    with pytest.raises(NotFoundError, match="1001 targets"):
        asyncio.run(ServiceSource(names, NAME, "http").find())
    assert names.asked == 0


class Ground:
    """A file of endpoints, and what happens to it while somebody waits for it to settle."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = FileSource(str(path), self._sleep)
        self.meanwhile: str | None = None
        self.waits = 0

    async def _sleep(self, _seconds: float) -> None:
        self.waits += 1
        if self.meanwhile is not None:
            self.path.write_text(self.meanwhile)

    def find(self) -> Found:
        return asyncio.run(self.source.find())


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path / "endpoints.yaml")


def test_a_file_is_read_again_when_its_content_changed_and_only_then(ground: Ground) -> None:
    ground.path.write_text("- http://127.0.0.1:8101\n")
    one = Endpoint("http", "127.0.0.1", 8101)
    assert ground.find() == ground.find() == Found((one,), FILE_SECONDS)
    assert ground.waits == 1
    ground.path.write_text("endpoints: [http://127.0.0.1:8102/v1]\n")
    assert ground.find().endpoints == (Endpoint("http", "127.0.0.1", 8102, "/v1"),)


def test_a_file_that_is_still_being_written_is_waited_for(ground: Ground) -> None:
    ground.path.write_text("- http://127.0.0.1:81")
    ground.meanwhile = "- http://127.0.0.1:8101\n"
    with pytest.raises(NotFoundError, match="being written"):
        ground.find()
    assert ground.find().endpoints == (Endpoint("http", "127.0.0.1", 8101),)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "at least one URL"),
        ("- ftp://127.0.0.1\n- nonsense", r"endpoints.yaml:1:3: .* \(and 1 more\)"),
        ("- [", "endpoints.yaml:2:1: not YAML"),
        ("#" * (MAX_FILE_BYTES + 1), "larger than"),
    ],
    ids=["empty", "no URLs", "no YAML", "too large"],
)
def test_a_file_that_says_nothing_usable_is_a_failure_until_it_changes(
    ground: Ground, content: str, reason: str
) -> None:
    ground.path.write_text(content)
    for _ in range(2):
        with pytest.raises(NotFoundError, match=reason):
            ground.find()
    ground.path.write_text("- http://127.0.0.1:8101")
    assert len(ground.find().endpoints) == 1


def test_a_file_that_is_not_there_is_a_failure(ground: Ground) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        ground.find()


def test_a_pipe_in_the_files_place_is_a_failure_that_holds_up_nobody(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    os.mkfifo(path)
    source = FileSource(str(path), lambda _seconds: asyncio.sleep(0))
    with pytest.raises(NotFoundError, match="at least one URL"):
        asyncio.run(asyncio.wait_for(source.find(), 5))
