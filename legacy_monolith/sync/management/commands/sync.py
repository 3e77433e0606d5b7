"""The worker alone: where the shop runs elsewhere, or several processes serve it and none should work for the bus."""

import asyncio
import signal

from django.conf import settings
from django.core.management.base import BaseCommand

from extracted_services.messaging.open import open_bus
from legacy_monolith.sync.worker import Worker


class Command(BaseCommand):
    help = "Keeps the shop in step with the services until it is stopped: publishes its events, takes theirs."

    def handle(self, *args, **options) -> None:
        asyncio.run(self._work())

    async def _work(self) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with Worker(open_bus(settings.BROKER_URL, client="monolith")).running():
            self.stdout.write("In step with the services until SIGTERM or Ctrl-C.")
            self.stdout.flush()
            await stop.wait()
