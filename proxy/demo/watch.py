"""The demo to play with: says where everything is, then one line whenever a route moves, fails or comes back.

It runs until it is interrupted or breaks. A member of the shop that is killed is started again, to show what that does.
"""

import http.client
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from proxy import clock
from proxy.control.token import find_token
from proxy.demo import page
from proxy.demo.foundation import MEMBERS, Choice
from proxy.demo.moves import Console, Seen, moves
from proxy.demo.parts import Part, Parts
from proxy.demo.place import Place, shown
from proxy.demo.system import Size, System, running
from proxy.demo.tour import any_sku, visited
from proxy.demo.traffic import CUSTOMER, Sample, Traffic
from proxy.demo.web import Client

SIZE = Size(products=120, orders=400, users=40)
LOOK_EVERY_SECONDS = 0.25
PAUSE_SECONDS = 0.1
CUSTOMERS = ("gus", "eve", "ann")  # who go to a service one after the other: at 25%, at 50%, and at the cutover
AWAY_SECONDS = 8.0  # enough to send a request or two to a shop that lacks a member

Answered = dict[tuple[str, str], Sample]
"""The last answer to each customer for each path."""


def play(place: Place, choice: Choice) -> None:
    """Run until `KeyboardInterrupt`. Raises `PartFailed` when a part ends before that is not started again."""
    page.heading("Starting a Django monolith, three services and the proxy; some seconds …")
    with running(place, SIZE, choice) as system:
        with Client(place.ports.public) as client:
            product = f"/api/products/{any_sku(client)}"
        _say_where(system)
        _say_what_to_try(system, product)
        token = find_token(str(place.state_folder), os.environ).value or ""
        with (
            Console(place.ports.console, token) as console,
            Traffic(
                place.ports.public,
                visited(product),
                CUSTOMERS,
                visitors=len(CUSTOMERS),
                pause_seconds=PAUSE_SECONDS,
            ) as traffic,
        ):
            answered = _first_answers(system.parts, traffic, len(visited(product)) * len(CUSTOMERS))
            names = f"{', '.join(CUSTOMERS[:-1])} and {CUSTOMERS[-1]}"
            page.heading(f"Watching, while {names} ask for a page, a product and its stock. Ctrl-C ends it all.")
            _watch(system.parts, console, traffic, answered)


def _first_answers(parts: Parts, traffic: Traffic, wanted: int) -> Answered:
    """One of each thing that a customer asks for: what everything that happens is told against."""
    answered: Answered = {}
    while len(answered) < wanted:
        parts.check()
        answered |= {(sample.customer, sample.path): sample for sample in traffic.drain()}
        time.sleep(LOOK_EVERY_SECONDS)
    return answered


def _say_where(system: System) -> None:
    place = system.place
    behind = [(name, f"{place.url(name)}/readyz") for name in MEMBERS]
    page.facts(
        [
            ("shop", f"{place.url('public')}/   log in as alice, alice-pass; or as admin, admin-pass, at /admin/"),
            ("console", f"{place.url('console')}/readyz   and /metrics"),
            *behind,
            ("edit", shown(place.routes_file)),
            ("logs", f"{shown(place.folder)}/*.log"),
            ("settings", f"{shown(place.environment_file)}   addresses, and the token for what is internal"),
        ]
    )


def _say_what_to_try(system: System, product: str) -> None:
    place, program, python = system.place, _program(), shown(Path(sys.executable))
    manage = shown(Path(system.manage("reconcile", "orders").command[1]))
    page.heading("Try, in another terminal")
    page.line(f"export STRANGLER_CONFIG={shlex.quote(shown(place.routes_file))}")
    for what, command in (
        ("which side answers (X-Strangler-Decision), and what", _curl(place, product)),
        ("why", f"{program} explain GET {product} -H '{CUSTOMER}: {CUSTOMERS[0]}'"),
        (
            "move products on, three times: copies; a quarter of the customers, then by itself the half; everybody",
            f"{program} promote products",
        ),
        ("what the server is doing, and what a rollout waits for", f"{program} status"),
        ("and back, at once", f"{program} rollback products"),
        ("let the services write orders, payments and stock; --back: the monolith", f"{program} handover fulfilment"),
        ("who moved what, when and why", f"{program} history"),
        ("what is asked for, and what to extract next", f"{program} inventory"),
        (
            "do both sides hold the same (also: payments, inventory)",
            f"(. {shown(place.environment_file)}; {python} {manage} reconcile orders)",
        ),
        (
            "kill a member of the shop: it is away for some seconds, and what waited for it goes on",
            f"kill -9 {system.parts.find('the inventory service').pid}",
        ),
    ):
        page.line(f"# {what}", dim=True)
        page.line(command)


def _curl(place: Place, product: str) -> str:
    return f"curl -i -H '{CUSTOMER}: {CUSTOMERS[0]}' {place.url('public')}{product}"


def _program() -> str:
    """How to call this program, as it was called."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shown(Path(sys.executable))} -m proxy"
    on_path = shutil.which("strangler")
    return "strangler" if on_path and Path(on_path).samefile(called) else shown(called)


def _watch(parts: Parts, console: Console, traffic: Traffic, answered: Answered) -> None:
    seen, absences = console.look(), Absences(parts)
    while True:
        told = [*absences.look()]
        now = _look(console, seen)
        for text, well in (*told, *told_by_console(seen, now), *told_by_visitors(answered, traffic.drain())):
            page.line(f"{clock.now().astimezone():%H:%M:%S}  {text}", fg="green" if well else "red")
        seen = now
        time.sleep(LOOK_EVERY_SECONDS)


def _look(console: Console, before: Seen) -> Seen:
    try:
        return console.look()
    except (OSError, http.client.HTTPException):  # a control process that is being started again
        return before


@dataclass(slots=True)
class Absences:
    """Members of the shop that have ended, and when each is started again."""

    parts: Parts
    away_seconds: float = AWAY_SECONDS
    _due: list[tuple[float, Part]] = field(default_factory=list)

    def look(self) -> Iterator[tuple[str, bool]]:
        """Starts those whose time has come, and says what has happened. Raises `PartFailed` as `Parts.let_go`."""
        now = clock.monotonic()
        for part in self.parts.let_go():
            self._due.append((now + self.away_seconds, part))
            yield f"{part.name} ended ({part.how_it_ended()}); in {self.away_seconds:.0f} s it is started again", False
        while self._due and self._due[0][0] <= now:
            _, part = self._due.pop(0)
            yield f"{part.name} is started again, as process {self.parts.start(part.job, part.layer).pid}", True


def told_by_console(before: Seen, now: Seen) -> Iterator[tuple[str, bool]]:
    if now.problem and now.problem != before.problem:
        yield f"refused: {now.problem}; revision {now.revision} goes on serving", False
    elif before.problem and not now.problem:
        yield "the file is good again", True
    for move in moves(before, now):
        yield f"{move.route} moved from {move.before} to {move.after} (revision {move.revision})", True


def told_by_visitors(answered: Answered, samples: Iterable[Sample]) -> Iterator[tuple[str, bool]]:
    """A line for each customer and path answered otherwise than before. Remembers the last answers in `answered`."""
    for sample in samples:
        before = answered.get((sample.customer, sample.path))
        answered[sample.customer, sample.path] = sample
        if before is not None and (before.status, before.side) != (sample.status, sample.side):
            yield f"{sample.customer}: GET {sample.path}: now {_fate(sample)} (before: {_fate(before)})", sample.well


def _fate(sample: Sample) -> str:
    if not sample.status:
        return f"no answer, {sample.problem}"
    by = {"legacy": " from the monolith", "service": " from the service"}.get(sample.side, " from the proxy itself")
    return f"{sample.status}{by}"
