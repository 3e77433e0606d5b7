"""Serves the application until it is told to stop, then lets the requests under way end."""

import asyncio
import logging
import signal
import socket
import sys
from types import FrameType

import uvicorn

from extracted_services.inventory.bootstrap import build_app, migrate_database
from extracted_services.inventory.settings import Settings

logger = logging.getLogger("inventory")


class AddressInUse(Exception):
    """The address cannot be listened on; says why in one line."""


def serve(settings: Settings) -> None:
    """Migrate the database, then listen; returns after SIGTERM or SIGINT.

    Raises AddressInUse, DatabaseUnavailable.
    """
    signal.signal(signal.SIGTERM, _stop)  # until the server takes it, and again after it
    with _listen(settings.host, settings.port) as listener:
        config = uvicorn.Config(
            build_app(settings),
            log_config=None,
            access_log=False,  # the application writes its own
            timeout_graceful_shutdown=settings.shutdown_timeout,
            server_header=False,
            date_header=True,
            proxy_headers=False,
        )
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_migrate_and_serve(settings, uvicorn.Server(config), listener))


async def _migrate_and_serve(settings: Settings, server: uvicorn.Server, listener: socket.socket) -> None:
    revision = await migrate_database(settings)
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    logger.info("serving on %s", url, extra={"fields": {"url": url, "revision": revision}})
    await server.serve(sockets=[listener])
    logger.info("stopped")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as problem:
        raise AddressInUse(f"cannot listen on {host}:{port}: {problem.strerror}") from None


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)
