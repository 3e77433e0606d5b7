"""What the tour concludes from the answers that its customers got at canary, and who these customers are."""

from pathlib import Path

from proxy.config import load_file
from proxy.config.policy import Key, KeyKind
from proxy.demo.catalogue import CUSTOMERS, FIRST, LAST_STEP, LATER, ROUTE, at_service, went_back
from proxy.demo.place import Place, Ports, write_routes
from proxy.demo.traffic import CUSTOMER, Sample
from proxy.demo.watch import CUSTOMERS as WATCHED
from proxy.routing.split import bucket_of, salt_of

PATH = "/api/products/FIG-1"


def told(*answers: tuple[str, str]) -> list[Sample]:
    return [Sample(customer, PATH, 200, side) for customer, side in answers]


def test_who_was_answered_by_the_service_is_named() -> None:
    samples = [*told(("ann", "legacy"), ("bob", "service")), Sample("cleo", "/", 200, "service")]
    assert at_service(samples, PATH) == {"bob"}


def test_a_customer_who_comes_to_the_service_has_not_gone_back() -> None:
    answers = told(("ann", "legacy"), ("bob", "service"), ("ann", "service"), ("bob", "service"))
    assert went_back(answers, PATH) == []


def test_a_customer_whom_the_monolith_answers_again_has_gone_back() -> None:
    assert went_back(told(("ann", "service"), ("bob", "legacy"), ("ann", "legacy")), PATH) == ["ann"]


def test_the_customers_stand_where_the_demo_says(tmp_path: Path) -> None:
    place = Place(tmp_path, Ports())
    place.token_file.write_text("token")
    write_routes(place)
    route = next(each for each in load_file(place.routes_file, {}).routes if each.name == ROUTE)
    canary = route.moving.canary
    assert canary is not None
    assert canary.sticky == Key(KeyKind.HEADER, CUSTOMER.lower())
    assert (canary.steps[0], canary.steps[-1]) == (0.25, LAST_STEP)
    shares = {name: bucket_of(salt_of(route), "header", name) / 10_000 for name in {*CUSTOMERS, *WATCHED}}
    assert shares[FIRST] < 0.25 < LAST_STEP <= shares[LATER]
    first, second, last = (shares[name] for name in WATCHED)
    assert first < 0.25 <= second < LAST_STEP <= last
