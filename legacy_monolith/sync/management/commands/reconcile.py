import json
import time
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand
from rich.console import Console
from rich.table import Table

from legacy_monolith.sync.api import internal_token
from legacy_monolith.sync.comparison import Aggregate, Comparison, compare, find_lag, own_aggregates
from legacy_monolith.sync.peer import CannotAsk, Peer
from legacy_monolith.sync.registry import KINDS, SERVICES
from legacy_monolith.sync.status import read_status

EQUAL, DIFFERENT, CANNOT_ASK = 0, 1, 3
LOOK_EVERY_S = 0.2


class Command(BaseCommand):
    help = (
        "Compares what the shop and a service hold: counts, checksums, the first differences side by side. "
        "Ends with 0 when both are equal, 1 when they differ, 3 when the service cannot be asked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("service", choices=sorted(SERVICES))
        parser.add_argument("--json", action="store_true", help="the result as one JSON object")
        parser.add_argument(
            "--wait", type=float, default=0, metavar="SECONDS", help="first wait until no event is under way, so long"
        )

    def handle(self, *args, service: str, wait: float, **options) -> None:
        with Peer(settings.SERVICE_URLS[service], internal_token()) as peer:
            try:
                lag = self._wait(service, peer, wait)
                found = [self._compare(peer, name) for name in SERVICES[service]]
            except CannotAsk as trouble:
                self.stderr.write(f"reconcile: {trouble}")
                raise SystemExit(CANNOT_ASK) from None
        is_equal = not any(comparison.differing for comparison in found)
        (self._print_json if options["json"] else self._print)(service, found, lag, is_equal)
        raise SystemExit(EQUAL if is_equal else DIFFERENT)

    def _wait(self, service: str, peer: Peer, seconds: float) -> str | None:
        """What is still under way when nothing is, or when the time is over."""
        deadline = time.monotonic() + seconds
        while (lag := _find_lag(service, peer)) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
        return lag

    def _compare(self, peer: Peer, name: str) -> Comparison:
        kind = KINDS[name]
        there = (Aggregate(*item) for item in peer.checksums(kind.entity, name))
        return compare(name, own_aggregates(kind), there)

    def _print_json(self, service: str, found: list[Comparison], lag: str | None, is_equal: bool) -> None:
        kinds = [comparison.show() for comparison in found]
        self.stdout.write(json.dumps({"service": service, "equal": is_equal, "lag": lag, "kinds": kinds}))

    def _print(self, service: str, found: list[Comparison], lag: str | None, is_equal: bool) -> None:
        console = Console(file=self.stdout, highlight=False)
        for comparison in found:
            console.print(
                f"{comparison.kind}s: {comparison.here} here, {comparison.there} there, {comparison.differing} differ"
            )
            if comparison.first:
                console.print(_table(comparison))
        if lag:
            console.print(f"Still under way: {lag}.")
        console.print(f"The shop and {service} {'are equal' if is_equal else 'differ'}.")


def _find_lag(service: str, peer: Peer) -> str | None:
    here, there = read_status(), peer.status()
    entities = sorted({KINDS[name].entity for name in SERVICES[service]})
    return next((lag for entity in entities if (lag := find_lag(entity, here[entity], there[entity]))), None)


def _table(comparison: Comparison) -> Table:
    title = f"The first {len(comparison.first)}" if comparison.differing > len(comparison.first) else None
    table = Table("id", "here", "there", title=title)
    for difference in comparison.first:
        sides = (difference.here, difference.there)
        cells = (f"version {side.version}, {side.checksum[:12]}" if side else "none" for side in sides)
        table.add_row(difference.key, *cells)
    return table
