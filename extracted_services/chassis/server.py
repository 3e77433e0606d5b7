"""Serves an application until it is told to stop, then lets the requests under way end."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from extracted_services.chassis.settings import CommonSettings

KEEP_ALIVE_SECONDS = 75
"""Longer than the proxy and other clients keep an idle connection (the proxy: 60 s), so that it is they who close it:
a server that does may meet a request that is on its way."""

logger = logging.getLogger("server")


class AddressInUse(Exception):
    """The address cannot be listened on; says why in one line."""


def serve(settings: CommonSettings, app: Starlette, prepare: Callable[[], Awaitable[str]]) -> None:
    """Take the address, `prepare` (it returns the database's revision), then serve until SIGTERM or SIGINT.

    Ends the process with 3, and the cause in the log, when the application's lifetime cannot begin. Raises
    AddressInUse, and what `prepare` raises.
    """
    signal.signal(signal.SIGTERM, _stop)  # until the server takes it, and again after it
    with _listen(settings.host, settings.port) as listener:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # the application writes its own
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.shutdown_timeout,
            server_header=False,
            date_header=True,
            proxy_headers=False,
        )
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_prepare_and_serve(config, listener, prepare))


class _Server(uvicorn.Server):
    """Says where it serves once it does, not before."""

    def __init__(self, config: uvicorn.Config, revision: str) -> None:
        super().__init__(config)
        self._revision = revision

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            logger.info("serving on %s", url, extra={"fields": {"url": url, "revision": self._revision}})


async def _prepare_and_serve(
    config: uvicorn.Config, listener: socket.socket, prepare: Callable[[], Awaitable[str]]
) -> None:
    await _Server(config, await prepare()).serve(sockets=[listener])
    logger.info("stopped")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as problem:
        raise AddressInUse(f"cannot listen on {host}:{port}: {problem.strerror}") from None


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)
