"""The scripted tour: reads move to a service and back, then writes, with the commands of an operator, under traffic.

Every claim is checked as it is made (`scene.expect`).
"""

import os
from collections import Counter

from proxy import clock
from proxy.control.token import find_token
from proxy.demo import page
from proxy.demo.catalogue import CUSTOMERS, show_products
from proxy.demo.foundation import Choice
from proxy.demo.fulfilment import show_orders
from proxy.demo.moves import Console
from proxy.demo.place import Place
from proxy.demo.scene import Scene, expect
from proxy.demo.system import Size, System, running
from proxy.demo.traffic import Traffic
from proxy.demo.web import Client

SIZE = Size(products=40, orders=60, users=10)
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
        _introduce(place, clock.monotonic() - began)
        with Traffic(
            place.ports.public, visited(path), CUSTOMERS, visitors=VISITORS, pause_seconds=PAUSE_SECONDS
        ) as traffic:
            scene = Scene(system, client, console, traffic)
            show_products(scene, path)
            show_orders(scene, sku)
            traffic.end()
        _sum_up(scene)


def visited(product: str) -> tuple[str, ...]:
    """What visitors ask for, when `product` is the API's path of one: a page, a product, its stock."""
    return ("/", product, product.replace("/products/", "/stock/"))


def any_sku(client: Client) -> str:
    """A product that both sides have."""
    answer = client.get("/api/products?limit=1")
    expect("the shop lists its products", 200, answer.status)
    return str(answer.json()["items"][0]["sku"])


def _introduce(place: Place, seconds: float) -> None:
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
    page.line(f"Ready after {seconds:.1f} s. From here on {len(CUSTOMERS)} customers keep asking through the proxy.")


def _sum_up(scene: Scene) -> None:
    page.heading("14. What happened, as the ledger has it")
    scene.strangler("history")
    scene.take()
    failed = [sample for sample in scene.samples if not sample.well]
    expect("no customer's request failed", [], failed[:1])
    sides = Counter(sample.side for sample in scene.samples)
    page.line(
        f"{len(scene.samples)} requests of customers meanwhile, 0 failed: "
        f"{sides['legacy']} answered by the monolith, {sides['service']} by the service",
        fg="green",
    )
