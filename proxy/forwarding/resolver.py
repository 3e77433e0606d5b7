"""The addresses of one endpoint's host: one look-up at a time, remembered for a few seconds.

A silent name server must not be asked once for every request, and its answer, also "there is none", serves all who
wait for it. Look-ups wait in threads of their own: what else a process does in threads never waits for a name server.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from proxy import clock

REMEMBER_SECONDS: Final = 5.0
REMEMBER_FAILURE_SECONDS: Final = 1.0

_LOOK_UPS: Final = ThreadPoolExecutor(8, "look-up")


class Resolver:
    """Looks up a host. An address needs no look-up, and is its own only answer."""

    def __init__(self, host: str, port: int, now: Callable[[], float] = clock.monotonic) -> None:
        self._host = host
        self._port = port
        self._now = now
        self._fixed = _is_address(host)
        self._known: list[str] = [host] if self._fixed else []
        self._failure: OSError | None = None
        self._until = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def addresses(self) -> list[str]:
        """At least one address. Raises OSError where the host is unknown."""
        if not self._fixed and self._now() >= self._until:
            if self._asking is None:
                self._asking = asyncio.get_running_loop().create_task(self._ask())
            await asyncio.shield(self._asking)  # one who stops waiting must not end it for the others
        if self._failure is not None:
            raise OSError(*self._failure.args) from self._failure
        return self._known

    async def _ask(self) -> None:
        try:
            look_up = partial(socket.getaddrinfo, self._host, self._port, type=socket.SOCK_STREAM)
            found = await asyncio.get_running_loop().run_in_executor(_LOOK_UPS, look_up)
            self._known = list(dict.fromkeys(str(address[0]) for *_, address in found))
            self._failure = None
            self._until = self._now() + REMEMBER_SECONDS
        except OSError as error:
            self._failure = error
            self._until = self._now() + REMEMBER_FAILURE_SECONDS
        finally:
            self._asking = None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
