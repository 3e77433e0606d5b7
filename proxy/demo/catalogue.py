"""The tour's first half: the route of products goes to a service, a share of the customers first, and back.

Every move is a command that an operator would type, but for one that the rollout makes by itself.
"""

from collections.abc import Iterable

from proxy import clock
from proxy.demo import page
from proxy.demo.scene import Scene, expect
from proxy.demo.traffic import CUSTOMER, Sample
from proxy.demo.web import Answer

ROUTE = "products"
ENOUGH_ANSWERS = 25
CUSTOMERS = (
    "ann", "bob", "cleo", "dan", "eve", "finn", "gus", "hal", "ida", "jon",
    "kim", "leo", "mia", "ned", "ola", "pia", "rob", "sue", "tom", "uma",
)  # fmt: skip
FIRST, LATER = "gus", "ann"  # whose buckets are among the first quarter, and not among the first half
LAST_STEP = 0.5  # of routes.yaml


def show_products(scene: Scene, path: str) -> None:
    """`path` is the API's path of a product."""
    page.heading("1. The monolith answers")
    from_monolith = _ask(scene, path, FIRST, "legacy")

    page.heading("2. Why it did")
    scene.strangler("explain", "GET", path)

    page.heading("3. Shadow: the service is asked too, and no client hears of it")
    scene.strangler("promote", ROUTE)
    _compare(scene)

    page.heading("4. A quarter of the customers, now that gates have measured enough: always the same ones")
    scene.strangler("promote", ROUTE, "--because", "no difference", is_patient=True)
    from_service = _ask(scene, path, FIRST, "service")
    expect("both sides give the same JSON", from_monolith.json(), from_service.json())
    page.line("The same JSON as the monolith's.", fg="green")
    _ask(scene, path, LATER, "legacy")

    page.heading("5. More of them, by itself: it was held for long enough, and the gates still hold")
    _wait_for_step(scene, path)

    page.heading("6. Cut over: everybody")
    scene.strangler("promote", ROUTE, is_patient=True)
    _ask(scene, path, LATER, "service")

    page.heading("7. Roll back: at once, and no gate is asked")
    began = clock.monotonic()
    scene.strangler("rollback", ROUTE, "--because", "to see how long it takes")
    page.line(f"It took {clock.monotonic() - began:.1f} s.", fg="green")
    again = _ask(scene, path, FIRST, "legacy")
    expect("the monolith answers as before", from_monolith.json(), again.json())


def _ask(scene: Scene, path: str, customer: str, side: str) -> Answer:
    answer = scene.client.ask("GET", path, headers={CUSTOMER: customer})
    page.line(f"GET {scene.place.url('public')}{path}   {CUSTOMER}: {customer}")
    page.answered(answer)
    expect(f"GET {path} is answered by the {side} side", (200, side), (answer.status, answer.side))
    return answer


def _compare(scene: Scene) -> None:
    """Wait until visitors' answers have been compared with the service's."""
    scene.wait_until("both sides' answers are compared", True, lambda: _compared(scene) >= ENOUGH_ANSWERS)
    found = scene.console.compared(ROUTE)
    line = f"{found['compared']} answers of the monolith compared with the service's: {found['differing']} differ"
    expect("both sides answer alike", 0, found["differing"])
    page.line(line, fg="green")


def _compared(scene: Scene) -> int:
    return int(scene.console.compared(ROUTE)["compared"])


def _wait_for_step(scene: Scene, path: str) -> None:
    """Until the rollout has raised the weight, and every customer has been answered since."""
    scene.wait_until("the rollout takes its next step", LAST_STEP, lambda: scene.console.rollout(ROUTE).get("weight"))
    scene.wait_until("the rollout tells of it", True, lambda: bool(scene.console.rollout(ROUTE)["notes"]))
    note = scene.console.rollout(ROUTE)["notes"][-1]
    page.line(f"The rollout: {note['did']}: {note['why']}")
    scene.take()
    mark = len(scene.samples)
    scene.wait_until("every customer is answered", set(CUSTOMERS), lambda: _seen(scene, mark, path))
    expect("no customer goes back to the monolith", [], went_back(scene.samples, path))
    now = sorted(at_service(scene.samples[mark:], path))
    page.line(f"{len(now)} of {len(CUSTOMERS)} customers are answered by the service now: {' '.join(now)}")
    page.line("Nobody who was there before has gone back.", fg="green")


def _seen(scene: Scene, mark: int, path: str) -> set[str]:
    scene.take()
    return {sample.customer for sample in scene.samples[mark:] if sample.path == path}


def at_service(samples: Iterable[Sample], path: str) -> set[str]:
    """Customers whom the service has answered."""
    return {sample.customer for sample in samples if sample.path == path and sample.side == "service"}


def went_back(samples: Iterable[Sample], path: str) -> list[str]:
    """Customers whom the monolith answered after the service had."""
    seen: set[str] = set()
    found = []
    for sample in samples:
        if sample.path == path:
            if sample.side == "service":
                seen.add(sample.customer)
            elif sample.customer in seen:
                found.append(sample.customer)
    return found
