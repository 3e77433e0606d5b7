"""The scripted tour: reads move to a service and back, then an order's way through three of them, under traffic.

Every claim is checked as it is made (`scene.expect`).
"""

import os
import subprocess
import sys
import time
from collections import Counter

from proxy import clock
from proxy.control.token import find_token
from proxy.demo import page
from proxy.demo.errors import StepFailed
from proxy.demo.foundation import Choice
from proxy.demo.fulfilment import show_orders
from proxy.demo.moves import Console
from proxy.demo.place import Place
from proxy.demo.scene import TAKEN_SECONDS, Scene, expect
from proxy.demo.system import Size, System, environment, running
from proxy.demo.traffic import Sample, Traffic
from proxy.demo.web import Answer, Client

SIZE = Size(products=40, orders=60, users=10)
ROUTE = "products"
ENOUGH_ANSWERS = 25
VISITORS = 2
PAUSE_SECONDS = 0.01


def give_tour(place: Place, choice: Choice) -> None:
    """Start everything, show it, end everything. Raises `StepFailed` or `PartFailed`."""
    page.heading("Starting a Django monolith, three services and the proxy")
    began = clock.monotonic()
    with running(place, SIZE, choice) as system:
        _walk(system, began)
    page.line()
    page.line("Everything was ended in order; nothing is left running.")


def _walk(system: System, began: float) -> None:
    place = system.place
    token = find_token(str(place.state_folder), os.environ).value or ""
    with Client(place.ports.public) as client, Console(place.ports.console, token) as console:
        sku = any_sku(client)
        path = f"/api/products/{sku}"
        scene = Scene(system, client, console, console.look())
        _introduce(scene, clock.monotonic() - began)
        with Traffic(place.ports.public, visited(path), visitors=VISITORS, pause_seconds=PAUSE_SECONDS) as traffic:
            _move_and_return(scene, path, traffic)
            show_orders(scene, sku)
            traffic.end()
            scene.samples += traffic.drain()
        _sum_up(scene)


def visited(product: str) -> tuple[str, ...]:
    """What visitors ask for, when `product` is the API's path of one: a page, a product, its stock."""
    return ("/", product, product.replace("/products/", "/stock/"))


def any_sku(client: Client) -> str:
    """A product that both sides have."""
    answer = client.get("/api/products?limit=1")
    expect("the shop lists its products", 200, answer.status)
    return str(answer.json()["items"][0]["sku"])


def _introduce(scene: Scene, seconds: float) -> None:
    place = scene.place
    page.facts(
        [
            ("monolith", f"{place.url('monolith')}   {SIZE.products} products, {SIZE.orders} orders"),
            ("orders", f"{place.url('orders')}   and the saga that fulfils them"),
            ("payments", f"{place.url('payments')}   and a card processor"),
            ("inventory", f"{place.url('inventory')}   products, stock and reservations"),
            ("proxy", f"{place.url('public')}   for users; for operators: {place.url('console')}"),
        ]
    )
    page.line("Each on a database of its own, filled from the monolith's, and kept in step by events.")
    page.line(f"Ready after {seconds:.1f} s. From here on {VISITORS} visitors keep asking through the proxy.")


def _move_and_return(scene: Scene, path: str, traffic: Traffic) -> None:
    page.heading("1. The monolith answers")
    from_monolith = _ask(scene, path, "legacy")

    page.heading("2. Why it did")
    _explain(scene, path, "it is at stage legacy, so monolith answers")

    page.heading("3. Shadow: the service is asked too, and no client hears of it")
    scene.move([ROUTE], "shadow")
    _compare(scene)

    page.heading("4. Cut over: one line of routes.yaml")
    scene.move([ROUTE], "cutover")

    page.heading("5. The service answers")
    from_service = _ask(scene, path, "service")
    expect("both sides give the same JSON", from_monolith.json(), from_service.json())
    page.line("The same JSON as the monolith's.", fg="green")
    _wait_for_visitors(scene, traffic, "service")

    page.heading("6. Roll back: the line as it was")
    scene.move([ROUTE], "legacy")
    again = _ask(scene, path, "legacy")
    expect("the monolith answers as before", from_monolith.json(), again.json())


def _compare(scene: Scene) -> None:
    """Wait until visitors' answers have been compared with the service's."""
    until = clock.monotonic() + TAKEN_SECONDS
    while (found := scene.console.compared(ROUTE))["compared"] < ENOUGH_ANSWERS:
        scene.system.parts.check()
        if clock.monotonic() > until:
            raise StepFailed("the answers of both sides are compared", ENOUGH_ANSWERS, found["compared"])
        time.sleep(0.1)
    line = f"{found['compared']} answers of the monolith compared with the service's: {found['differing']} differ"
    expect("both sides answer alike", 0, found["differing"])
    page.line(line, fg="green")


def _ask(scene: Scene, path: str, side: str) -> Answer:
    answer = scene.client.get(path)
    page.line(f"GET {scene.place.url('public')}{path}")
    page.answered(answer)
    expect(f"GET {path} is answered by the {side} side", (200, side), (answer.status, answer.side))
    return answer


def _explain(scene: Scene, path: str, expected: str) -> None:
    request = ["explain", "GET", path]
    page.line(f"$ strangler {' '.join(request)}")
    done = subprocess.run(  # noqa: S603 - our own interpreter and modules
        [sys.executable, "-m", "proxy", *request],
        cwd=scene.place.folder,
        env=environment(os.environ),
        capture_output=True,
        text=True,
        timeout=TAKEN_SECONDS,
        check=False,
    )
    page.block(done.stdout)
    expect("strangler explain succeeds", 0, f"{done.returncode} {done.stderr}".strip() if done.returncode else 0)
    if expected not in done.stdout:
        raise StepFailed("strangler explain gives the reason", expected, done.stdout.strip())


def _wait_for_visitors(scene: Scene, traffic: Traffic, side: str) -> None:
    """So that the rollback happens to visitors who are being served by that side."""
    until = clock.monotonic() + TAKEN_SECONDS
    while _by_side(scene.samples)[side] < ENOUGH_ANSWERS:
        scene.system.parts.check()
        if clock.monotonic() > until:
            raise StepFailed(f"visitors are answered by the {side} side", ENOUGH_ANSWERS, _by_side(scene.samples))
        time.sleep(0.02)
        scene.samples += traffic.drain()


def _sum_up(scene: Scene) -> None:
    page.heading("What happened")
    rows = [(f"{m.at:%H:%M:%S}", m.revision, m.route, m.before, m.after) for m in scene.history]
    page.table([("TIME", "REVISION", "ROUTE", "FROM", "TO"), *rows])
    failed = [sample for sample in scene.samples if not sample.well]
    expect(
        "no visitor's request failed", "0 failed", f"{len(failed)} failed, first {failed[0]}" if failed else "0 failed"
    )
    sides = _by_side(scene.samples)
    page.line(
        f"{len(scene.samples)} requests of visitors meanwhile, 0 failed: "
        f"{sides['legacy']} answered by the monolith, {sides['service']} by the service"
    )


def _by_side(samples: list[Sample]) -> Counter[str]:
    return Counter(sample.side for sample in samples)
