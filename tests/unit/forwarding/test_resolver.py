"""Looking up the hosts of endpoints."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from proxy.forwarding.resolver import REMEMBER_FAILURE_SECONDS, REMEMBER_SECONDS, Resolver


class NameServer(asyncio.SelectorEventLoop):
    """A loop whose look-ups are counted and answered by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.failure: OSError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    def run_in_executor(self, executor: Any, func: Any, *_: Any) -> Any:
        assert executor is not None, "a silent name server must hold none of the threads that others wait for"
        assert func.func is socket.getaddrinfo
        return self.create_task(self._answer())

    async def _answer(self) -> Any:
        self.asked += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 80)) for address in ("192.0.2.1", "192.0.2.2")]


def told(story: Callable[[NameServer], Any]) -> None:
    loop = NameServer()
    try:
        loop.run_until_complete(story(loop))
    finally:
        loop.close()


def test_an_address_is_never_looked_up() -> None:
    async def story(server: NameServer) -> None:
        assert await Resolver("127.0.0.1", 80).addresses() == ["127.0.0.1"]
        assert await Resolver("::1", 80).addresses() == ["::1"]
        assert server.asked == 0

    told(story)


def test_all_who_wait_share_one_look_up() -> None:
    async def story(server: NameServer) -> None:
        server.gate.clear()
        resolver = Resolver("orders.internal", 80)
        waiting = [asyncio.create_task(resolver.addresses()) for _ in range(20)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        server.gate.set()
        assert await asyncio.gather(*waiting[1:]) == [["192.0.2.1", "192.0.2.2"]] * 19
        assert server.asked == 1

    told(story)


def test_an_answer_is_remembered_for_a_while() -> None:
    async def story(server: NameServer) -> None:
        now = 100.0
        resolver = Resolver("orders.internal", 80, lambda: now)
        await resolver.addresses()
        now += REMEMBER_SECONDS - 0.1
        await resolver.addresses()
        assert server.asked == 1
        now += 0.2
        await resolver.addresses()
        assert server.asked == 2

    told(story)


def test_that_there_is_no_such_host_is_remembered_for_a_moment() -> None:
    async def story(server: NameServer) -> None:
        now = 100.0
        server.failure = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        resolver = Resolver("no-such-host.invalid", 80, lambda: now)
        for _ in range(3):
            with pytest.raises(OSError, match="not known"):
                await resolver.addresses()
        assert server.asked == 1
        now += REMEMBER_FAILURE_SECONDS
        server.failure = None
        assert await resolver.addresses() == ["192.0.2.1", "192.0.2.2"]

    told(story)
