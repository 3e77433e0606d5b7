"""What is said of a route whose two sides were compared."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from proxy.comparison.difference import Kind, Undecided
from proxy.comparison.store import Store
from proxy.comparison.tally import Judged, rules_name
from proxy.config.compare import Compare, IgnoreRule, Shadow
from proxy.config.model import Snapshot
from proxy.observability.log import Log
from proxy.operations.errors import Code, OperationError
from proxy.operations.mismatches import DEFAULT_SINCE, Question, mismatches, read_question
from tests.support.exchanges import a_request, an_exchange
from tests.support.judged import AT, differing, judged
from tests.support.routing import route, snapshot

PRODUCTS = route("products", "/a", stage="shadow", shadow=Shadow())

Keep = Callable[..., Snapshot]


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """A snapshot with one shadowed route, of which these pairs were judged."""

    def kept(*pairs: Judged) -> Snapshot:
        made = snapshot(PRODUCTS, route("cart", "/cart", stage="legacy"), state_dir=str(tmp_path))
        store = Store(made.state_dir, Log("t", io.StringIO()), now=lambda: AT, flush_seconds=60)
        for pair in pairs:
            store.record(replace(pair, route="products", rules=rules_name(PRODUCTS, AT.date())))
        store.close()
        return made

    return kept


def asked(made: Snapshot, **question: Any) -> dict[str, Any]:
    (found,) = mismatches(made, Question(**question), AT)["routes"]
    return dict(found)


def test_a_fault_is_named_with_its_share_an_example_and_the_command_to_ignore_it(keep: Keep) -> None:
    equal = [judged(again=differing("$.clock")) for _ in range(290)]
    faulty = [judged("$.price", "$.clock", example=an_exchange(a_request("/a?b=c"))) for _ in range(30)]
    found = asked(keep(*equal, *faulty))
    assert (found["verdict"], found["compared"], found["differing"], found["again"]) == ("mismatch", 320, 30, 290)
    assert (found["primary"], found["candidate"], found["more_groups"]) == ("monolith", "service", 0)
    price, clock = found["groups"]
    assert (price["path"], price["kind"], price["reading"], price["count"]) == ("$.price", "value", "real", 30)
    assert price["share"] == 0.09375
    assert price["bounds"][0] < price["share"] < price["bounds"][1]
    assert price["example"] == {
        "at": "2026-11-22T12:00:00Z",
        "request": "GET /a?b=c",
        "place": "$.price",
        "left": "1",
        "right": "2",
    }
    assert price["ignore"] == "strangler ignore products '$.price' --because …"
    assert (clock["path"], clock["reading"], clock["noise_count"], clock["ignore"]) == ("$.clock", "noise", 290, None)


@pytest.mark.parametrize("kind", [Kind.STATUS, Kind.AUTHORISATION])
def test_what_can_never_be_ignored_has_no_such_command(keep: Keep, kind: Kind) -> None:
    pairs = [replace(judged(), comparison=differing("status", kind=kind), again=differing()) for _ in range(200)]
    (group,) = asked(keep(*pairs))["groups"]
    assert (group["reading"], group["ignore"]) == ("real", None)


def test_pairs_that_cannot_be_judged_are_told_by_reason(keep: Keep) -> None:
    found = asked(keep(judged(undecided=Undecided.TOO_LARGE), judged(undecided=Undecided.TOO_DEEP)))
    assert found["undecided"] == {"too_deep": 1, "too_large": 1}
    assert (found["verdict"], found["compared"]) == ("not_enough_data", 0)


def test_before_the_first_pair_there_is_not_enough_data(keep: Keep, tmp_path: Path) -> None:
    made = snapshot(PRODUCTS, state_dir=str(tmp_path / "nothing"))
    assert asked(made)["verdict"] == "not_enough_data"
    assert not (tmp_path / "nothing").exists()


def test_counts_made_under_other_rules_or_long_ago_are_not_shown(keep: Keep) -> None:
    made = keep(judged("$.price"))
    assert asked(made)["compared"] == 1
    ruled = replace(PRODUCTS, compare=Compare(ignore=(IgnoreRule("$.price"),)))
    assert asked(replace(made, routes=(ruled,)))["compared"] == 0
    later = mismatches(made, Question(since=timedelta(hours=1)), AT + timedelta(hours=2))
    assert later["routes"][0]["compared"] == 0


def test_without_a_name_only_mirrored_routes_are_told_and_a_named_one_always(keep: Keep) -> None:
    made = keep()
    assert [each["route"] for each in mismatches(made, Question(), AT)["routes"]] == ["products"]
    assert asked(made, route="cart")["mirrored"] is False


def test_after_cutover_the_service_is_the_primary(keep: Keep) -> None:
    made = keep()
    found = asked(replace(made, routes=(replace(PRODUCTS, stage=route("x", "/x").stage),)))
    assert (found["primary"], found["candidate"]) == ("service", "monolith")


def test_a_limit_leaves_out_the_least(keep: Keep) -> None:
    found = asked(keep(judged("$.a", "$.b"), judged("$.a")), limit=1)
    assert [group["path"] for group in found["groups"]] == ["$.a"]
    assert found["more_groups"] == 1


def test_a_route_that_is_not_there_is_told_with_the_nearest(keep: Keep) -> None:
    with pytest.raises(OperationError, match='no route is named product: did you mean "products"') as caught:
        mismatches(keep(), Question("product"), AT)
    assert caught.value.code is Code.INVALID


def test_a_store_that_cannot_be_read_is_told(keep: Keep, tmp_path: Path) -> None:
    made = keep()
    for file in tmp_path.iterdir():
        file.unlink()
    (tmp_path / "state.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(OperationError, match="cannot be read") as caught:
        mismatches(made, Question(), AT)
    assert caught.value.code is Code.REFUSED


def test_a_question_is_read_from_a_query() -> None:
    assert read_question({}) == Question(None, DEFAULT_SINCE)
    assert read_question({"route": "a", "since": "2h", "limit": "5"}) == Question("a", timedelta(hours=2), 5)
    for wrong in ({"since": "2"}, {"limit": "0"}, {"limit": "x"}):
        with pytest.raises(OperationError):
            read_question(wrong)
