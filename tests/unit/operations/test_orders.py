"""What may stand in an order to move, and what is said of anything else."""

from typing import Any

import pytest

from proxy.config.model import Stage
from proxy.operations.errors import Code, OperationError
from proxy.operations.orders import Order, Scope, read_order
from proxy.rollout.moves import Wish
from proxy.rollout.ports import Verb


def read(verb: str = "promote", scope: Scope = Scope.ROUTE, caller: str = "operator", **body: Any) -> Order:
    return read_order(scope, "cart", verb, body, caller)


def said(verb: str = "promote", scope: Scope = Scope.ROUTE, **body: Any) -> str:
    with pytest.raises(OperationError) as error:
        read(verb, scope, **body)
    assert error.value.code is Code.INVALID
    return error.value.message


def test_an_order_is_read() -> None:
    found = read(to="canary", weight="12.345%", because=" why ", force=True, dry_run=True, revision="r1", who="ann")
    assert found == Order(
        Scope.ROUTE,
        "cart",
        Wish(Verb.PROMOTE, Stage.CANARY, 0.1235, True),
        "operator (ann)",
        "why",
        "r1",
        True,
    )
    assert (read("rollback", now=True).now, read("rollback").now) == (True, False)
    assert read("retire", see="/new", sunset="2027-01-31", status=301).respond == {
        "see": "/new",
        "sunset": "2027-01-31",
        "status": 301,
    }


def test_who_is_the_caller_and_what_the_client_says_of_itself_in_brackets() -> None:
    assert read().who == "operator"
    assert read(who="ann").who == "operator (ann)"
    assert read(caller="", who="ann").who == "ann"
    assert read(caller="").who == "unknown"


def test_what_cannot_be_printed_reaches_no_ledger() -> None:
    assert read(because="a\x1b[31m\nb\u202ec").because == "a[31mbc"


@pytest.mark.parametrize(
    ("verb", "body", "message"),
    [
        ("cut", {}, '"cut" is no move'),
        ("handover", {}, '"handover" is no move'),
        ("shadow", {"to": "legacy"}, 'shadow has no "to"'),
        ("rollback", {"see": "/x"}, 'rollback has no "see"'),
        ("promote", {"stage": "canary"}, 'promote has no "stage"'),
        ("promote", {"to": "canari"}, 'to: "canari" is not a stage'),
        ("promote", {"weight": 5}, "weight: 5 has no %"),
        ("promote", {"weight": "101%"}, "is not between 0% and 100%"),
        ("promote", {"now": True}, 'promote has no "now"'),
        ("promote", {"force": True}, "who insists says why"),
        ("promote", {"force": "yes"}, "force:"),
        ("promote", {"because": 1}, "because: a text of at most 500 letters"),
        ("promote", {"because": "x" * 501}, "because: a text of at most 500 letters"),
        ("retire", {"sunset": "soon"}, "sunset:"),
        ("retire", {"status": "410"}, "status: a number"),
    ],
)
def test_anything_else_is_a_mistake_that_is_named(verb: str, body: dict[str, Any], message: str) -> None:
    assert message in said(verb, **body)


def test_everything_is_only_rolled_back() -> None:
    assert read("rollback", Scope.ALL).scope is Scope.ALL
    assert "is no move" in said("promote", Scope.ALL)
