"""How routes stand by what is kept of them, also when that cannot be read."""

import io
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from proxy.comparison.recall import recall
from proxy.comparison.standing import FEW, WINDOW, Standing, standings
from proxy.comparison.state_file import state_path
from proxy.comparison.store import Store
from proxy.comparison.tally import BUCKET_SECONDS, Judged, rules_name
from proxy.comparison.verdict import Verdict
from proxy.config.compare import Shadow
from proxy.observability.log import Log
from tests.support.judged import AT, differing, judged
from tests.support.routing import route

PRODUCTS = route("products", "/a", stage="shadow", shadow=Shadow())
CART = route("cart", "/b", stage="shadow", shadow=Shadow())
NAME = rules_name(PRODUCTS, AT.date())


def keep(folder: Path, *pairs: Judged) -> Path:
    store = Store(str(folder), Log("t", io.StringIO()), now=lambda: AT, flush_seconds=60)
    for pair in pairs:
        store.record(replace(pair, route="products", rules=NAME))
    store.close()
    return state_path(str(folder))


def stand(path: Path, now: datetime = AT, *, failing: bool = False) -> list[Standing]:
    found = standings(path, [PRODUCTS, CART], now, failing=failing)
    return [found["products"], found["cart"]]


def test_of_what_nothing_is_kept_everything_is_asked_again(tmp_path: Path) -> None:
    assert stand(state_path(str(tmp_path))) == [Standing(Verdict.NOT_ENOUGH_DATA, 1.0)] * 2


def test_each_route_stands_by_its_own_counts(tmp_path: Path) -> None:
    products, cart = stand(keep(tmp_path, *[judged("$.price", again=differing()) for _ in range(200)]))
    assert products.verdict is Verdict.MISMATCH
    assert products.share_to_ask_again < 1.0
    assert cart == Standing(Verdict.NOT_ENOUGH_DATA, 1.0)


def test_what_is_older_than_the_window_counts_no_more(tmp_path: Path) -> None:
    path = keep(tmp_path, *[judged("$.price", again=differing()) for _ in range(200)])
    assert stand(path, AT + WINDOW)[0].verdict is Verdict.MISMATCH
    assert stand(path, AT + 2 * WINDOW)[0].verdict is Verdict.NOT_ENOUGH_DATA


def test_while_nothing_can_be_written_few_are_asked_again(tmp_path: Path) -> None:
    assert stand(state_path(str(tmp_path)), failing=False)[0].share_to_ask_again == 1.0
    assert stand(keep(tmp_path, judged()), failing=True)[0] == Standing(Verdict.NOT_ENOUGH_DATA, FEW)


def test_a_file_that_cannot_be_read_gives_no_verdict_and_few_questions(tmp_path: Path) -> None:
    path = keep(tmp_path, judged())
    path.write_bytes(b"no database at all" * 100)
    assert stand(path) == [Standing(None, FEW)] * 2


def test_since_when_there_are_counts_is_told(tmp_path: Path) -> None:
    path = keep(tmp_path, judged(), judged(at=AT.replace(hour=15)))
    assert recall(path, "products", NAME, AT - WINDOW).first == AT
    assert AT.timestamp() % BUCKET_SECONDS == 0
    assert recall(path, "products", NAME, AT.replace(hour=14)).first == AT.replace(hour=15)
    assert recall(path, "cart", NAME, AT - WINDOW).first is None
