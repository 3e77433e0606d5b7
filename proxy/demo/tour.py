"""The scripted tour: one route moves to its service and back, under traffic, and every claim is checked as it is made.

A step that does not see what it claims raises `StepFailed`; nothing is printed as true that was not looked at.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from proxy import clock
from proxy.control.token import find_token
from proxy.demo import page
from proxy.demo.errors import StepFailed
from proxy.demo.moves import Console, Move, Seen, moves
from proxy.demo.parts import Parts
from proxy.demo.place import Place
from proxy.demo.system import Size, environment, running
from proxy.demo.traffic import Sample, Traffic
from proxy.demo.web import Answer, Client

SIZE = Size(products=40, orders=60, users=10)
ROUTE = "products"
TAKEN_SECONDS = 30.0
ENOUGH_ANSWERS = 25
VISITORS = 2
PAUSE_SECONDS = 0.01


@dataclass
class Tour:
    """A running system, and what was seen of it."""

    place: Place
    parts: Parts
    client: Client
    console: Console
    path: str
    seen: Seen
    history: list[Move] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


def give_tour(place: Place) -> None:
    """Start everything, show it, end everything. Raises `StepFailed` or `PartFailed`."""
    page.heading("Starting a Django monolith, an inventory service and the proxy")
    began = clock.monotonic()
    with running(place, SIZE) as parts:
        _walk(place, parts, began)
    page.line()
    page.line("Everything was ended in order; nothing is left running.")


def _walk(place: Place, parts: Parts, began: float) -> None:
    token = find_token(str(place.state_folder), os.environ).value or ""
    with Client(place.ports.public) as client, Console(place.ports.console, token) as console:
        path = f"/api/products/{any_sku(client)}"
        tour = Tour(place, parts, client, console, path, console.look())
        _introduce(tour, clock.monotonic() - began)
        with Traffic(place.ports.public, visited(path), visitors=VISITORS, pause_seconds=PAUSE_SECONDS) as traffic:
            _move_and_return(tour, traffic)
        _sum_up(tour)


def visited(product: str) -> tuple[str, ...]:
    """What visitors ask for, when `product` is the API's path of one: a page, a product, its stock."""
    return ("/", product, product.replace("/products/", "/stock/"))


def any_sku(client: Client) -> str:
    """A product that both sides have."""
    answer = client.get("/api/products?limit=1")
    _expect("the shop lists its products", 200, answer.status)
    return str(answer.json()["items"][0]["sku"])


def _introduce(tour: Tour, seconds: float) -> None:
    place = tour.place
    page.facts(
        [
            ("monolith", f"{place.url('monolith')}   {SIZE.products} products, {SIZE.orders} orders"),
            ("inventory", f"{place.url('inventory')}   products and stock, copied from the monolith"),
            ("proxy", f"{place.url('public')}   for users; for operators: {place.url('console')}"),
        ]
    )
    page.line(f"Ready after {seconds:.1f} s. From here on {VISITORS} visitors keep asking through the proxy.")


def _move_and_return(tour: Tour, traffic: Traffic) -> None:
    page.heading("1. The monolith answers")
    from_monolith = _ask(tour, "legacy")

    page.heading("2. Why it did")
    _explain(tour, "it is at stage legacy, so monolith answers")

    page.heading("3. Cut over: one line of routes.yaml")
    original = tour.place.routes_file.read_text(encoding="utf-8")
    _save(tour, original, at_stage(original, ROUTE, "cutover"), "cutover")

    page.heading("4. The service answers")
    from_service = _ask(tour, "service")
    _expect("both sides give the same JSON", from_monolith.json(), from_service.json())
    page.line("The same JSON as the monolith's.", fg="green")
    _wait_for_visitors(tour, traffic, "service")

    page.heading("5. Roll back: the line as it was")
    _save(tour, tour.place.routes_file.read_text(encoding="utf-8"), original, "legacy")
    again = _ask(tour, "legacy")
    _expect("the monolith answers as before", from_monolith.json(), again.json())
    traffic.end()
    tour.samples += traffic.drain()


def _ask(tour: Tour, side: str) -> Answer:
    answer = tour.client.get(tour.path)
    page.line(f"GET {tour.place.url('public')}{tour.path}")
    page.block(f"{answer.status} {answer.reason}\nX-Strangler-Decision: {answer.decision}")
    page.block(page.shortened(answer.body.decode(errors="replace")))
    _expect(f"GET {tour.path} is answered by the {side} side", (200, side), (answer.status, answer.side))
    return answer


def _explain(tour: Tour, expected: str) -> None:
    request = ["explain", "GET", tour.path]
    page.line(f"$ strangler {' '.join(request)}")
    done = subprocess.run(  # noqa: S603 - our own interpreter and modules
        [sys.executable, "-m", "proxy", *request],
        cwd=tour.place.folder,
        env=environment(os.environ),
        capture_output=True,
        text=True,
        timeout=TAKEN_SECONDS,
        check=False,
    )
    page.block(done.stdout)
    _expect("strangler explain succeeds", 0, f"{done.returncode} {done.stderr}".strip() if done.returncode else 0)
    if expected not in done.stdout:
        raise StepFailed("strangler explain gives the reason", expected, done.stdout.strip())


def _save(tour: Tour, before: str, after: str, stage: str) -> None:
    """Edit the file, show the edit, and wait until it serves."""
    changed = sum(old != new for old, new in zip(before.splitlines(), after.splitlines(), strict=True))
    _expect("one line is edited", 1, changed)
    page.difference(before, after, "routes.yaml")
    began = clock.monotonic()
    tour.place.routes_file.write_text(after, encoding="utf-8")
    while (now := tour.console.look()).revision == tour.seen.revision:
        tour.parts.check()
        if now.problem or clock.monotonic() - began > TAKEN_SECONDS:
            raise StepFailed("the edited file is taken", "another revision", now.problem or "no reload")
        time.sleep(0.02)
    new = list(moves(tour.seen, now))
    _expect("only that route moved", [(ROUTE, stage)], [(move.route, move.after) for move in new])
    page.line(f"Saved, and serving {clock.monotonic() - began:.1f} s later: revision {now.revision}", fg="green")
    tour.history += new
    tour.seen = now


def at_stage(text: str, route: str, stage: str) -> str:
    """The text of a routes.yaml with one route's stage replaced."""
    before, name, after = text.partition(f"- name: {route}\n")
    start = after.index("stage: ")
    return before + name + after[:start] + f"stage: {stage}" + after[after.index("\n", start) :]


def _wait_for_visitors(tour: Tour, traffic: Traffic, side: str) -> None:
    """So that the rollback happens to visitors who are being served by that side."""
    until = clock.monotonic() + TAKEN_SECONDS
    while _by_side(tour.samples)[side] < ENOUGH_ANSWERS:
        tour.parts.check()
        if clock.monotonic() > until:
            raise StepFailed(f"visitors are answered by the {side} side", ENOUGH_ANSWERS, _by_side(tour.samples))
        time.sleep(0.02)
        tour.samples += traffic.drain()


def _sum_up(tour: Tour) -> None:
    page.heading("What happened")
    rows = [(f"{m.at:%H:%M:%S}", m.revision, m.route, m.before, m.after) for m in tour.history]
    page.table([("TIME", "REVISION", "ROUTE", "FROM", "TO"), *rows])
    failed = [sample for sample in tour.samples if not sample.well]
    _expect(
        "no visitor's request failed", "0 failed", f"{len(failed)} failed, first {failed[0]}" if failed else "0 failed"
    )
    sides = _by_side(tour.samples)
    page.line(
        f"{len(tour.samples)} requests of visitors meanwhile, 0 failed: "
        f"{sides['legacy']} answered by the monolith, {sides['service']} by the service"
    )


def _by_side(samples: list[Sample]) -> Counter[str]:
    return Counter(sample.side for sample in samples)


def _expect(claim: str, expected: object, seen: object) -> None:
    if expected != seen:
        raise StepFailed(claim, expected, seen)
