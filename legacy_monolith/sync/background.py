"""The worker in a thread of the server's process: started and stopped with it, and never in its way."""

import asyncio
import logging
import threading

from extracted_services.messaging.open import open_bus

from .worker import Worker

STOP_S = 10

log = logging.getLogger(__name__)


class Background:
    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked_to_stop = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self.worker: Worker | None = None

    def start(self) -> None:
        global _running
        self._thread.start()
        _running = self

    def stop(self) -> None:
        """Returns when the thread has ended, or after a while."""
        global _running
        _running = None
        self._asked_to_stop.set()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except Exception:
            log.exception("The shop is not kept in step any more")

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._asked_to_stop.is_set():  # before there was a loop to tell
            return
        self.worker = Worker(open_bus(self._broker_url, client="monolith"))
        async with self.worker.running():
            await self._stop.wait()


_running: Background | None = None


def find_trouble() -> str | None:
    """What is wrong with the broker, as the worker of this process knows; None if nothing is, or if it has none."""
    worker = _running and _running.worker
    return worker.trouble if worker else None
