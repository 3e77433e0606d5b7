from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from legacy_monolith.sync import filling
from legacy_monolith.sync.api import internal_token
from legacy_monolith.sync.models import Backfill
from legacy_monolith.sync.peer import CannotAsk, Peer
from legacy_monolith.sync.registry import KINDS, SERVICES

SAID = {
    "take": "taken",
    "old": "known already",
    "agree": "equal already",
    "conflict": "in conflict",
    "told": "noted",
}


class Command(BaseCommand):
    help = (
        "Fills a service with what the shop has. Both may go on working meanwhile. Goes on where it was interrupted; "
        "when the last one came to its end, begins anew."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("service", choices=sorted(SERVICES))
        parser.add_argument("--restart", action="store_true", help="begin anew, wherever the last one stopped")

    def handle(self, *args, service: str, restart: bool, **options) -> None:
        backfill = filling.begin(service, anew=restart)
        with Peer(settings.SERVICE_URLS[service], internal_token()) as peer:
            try:
                peer.status()  # whether there is anybody, before anything is counted
                decisions = self._fill(backfill, peer)
            except CannotAsk as trouble:
                raise CommandError(f"{trouble}\nRun it again: it goes on where it stopped.") from None
        sent = ", ".join(f"{progress['sent']} {kind}s" for kind, progress in backfill.progress.items())
        made = said(decisions)
        self.stdout.write(f"{service}: {sent}" + (f" ({made})" if made else "") + ".")

    def _fill(self, backfill: Backfill, peer: Peer) -> dict[str, int]:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bars = {
                name: progress.add_task(f"{name}s", total=KINDS[name].rows().count(), completed=done["sent"])
                for name, done in backfill.progress.items()
            }
            return filling.fill(backfill, peer, lambda kind, count: progress.advance(bars[kind], count))


def said(decisions: dict[str, int]) -> str:
    """What the service did with what it was sent, by how often; empty when there was nothing to do."""
    return ", ".join(f"{count} {SAID[decision]}" for decision, count in decisions.items() if count)
