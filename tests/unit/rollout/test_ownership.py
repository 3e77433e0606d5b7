"""What both sides say of an entity, and what follows from it."""

from dataclasses import replace
from typing import Any

import pytest

from proxy.config.model import Stage
from proxy.rollout.ownership import Entity, Owner, Standing, is_drained, next_epoch, pair_up, read_standings, unheard

SAID: dict[str, Any] = {
    "owner": "legacy",
    "epoch": 3,
    "outbox_last": 10,
    "unpublished": 0,
    "oldest_unpublished_seconds": 0.25,
    "applied_from_peer": 4,
    "conflicts": 0,
}
LEGACY = Standing("legacy", 3, 10, 0, 0.25, 4, 0)
SERVICE = Standing("legacy", 2, 4, 0, 0.0, 10, 0)
ORDER = Entity("order", "orders", LEGACY, SERVICE)


def test_what_a_side_says_is_read() -> None:
    assert read_standings({"entities": {"order": {**SAID, "more": "ignored"}}}) == {"order": LEGACY}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"entities": []},
        {"entities": {"order": None}},
        {"entities": {"order": {**SAID, "owner": "me"}}},
        *({"entities": {"order": {**SAID, "epoch": wrong}}} for wrong in (-1, True, "3", None)),
        {"entities": {"order": {key: value for key, value in SAID.items() if key != "conflicts"}}},
    ],
)
def test_anything_else_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match=r"of order it says no|no object"):
        read_standings(document)


@pytest.mark.parametrize(
    ("legacy", "service", "owner"),
    [
        ("legacy", "legacy", Owner.LEGACY),
        ("service", "service", Owner.SERVICE),
        ("service", "legacy", Owner.NOBODY),
        ("legacy", "service", Owner.BOTH),
    ],
)
def test_the_owner_is_what_both_rows_say_together(legacy: str, service: str, owner: Owner) -> None:
    assert replace(ORDER, legacy=replace(LEGACY, owner=legacy), service=replace(SERVICE, owner=service)).owner is owner


def test_the_lag_is_what_one_side_wrote_and_the_other_has_not_heard() -> None:
    assert (unheard(ORDER, Stage.CUTOVER, 12), unheard(ORDER, Stage.CUTOVER, 9)) == (2, 0)
    assert unheard(ORDER, Stage.LEGACY, 6) == 2


def test_all_is_heard_when_nothing_waits_to_be_published_and_the_position_is_reached() -> None:
    assert is_drained(ORDER, Stage.CUTOVER, 10)
    assert not is_drained(ORDER, Stage.CUTOVER, 11)
    assert not is_drained(replace(ORDER, legacy=replace(LEGACY, unpublished=1)), Stage.CUTOVER, 10)


def test_a_service_is_who_knows_the_entity_besides_the_monolith() -> None:
    said = {"monolith": {"order": LEGACY}, "orders": {"order": SERVICE}, "other": {}}
    found, problems = pair_up(["order"], "monolith", said)
    assert (found["order"].upstream, problems) == ("orders", [])


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"orders": {"order": SERVICE}}, 'upstream "monolith" says nothing of "order"'),
        ({"monolith": {"order": LEGACY}}, 'no service says that it can write "order"'),
        (
            {"monolith": {"order": LEGACY}, "b": {"order": SERVICE}, "a": {"order": SERVICE}},
            '"order" would be written by several services: a, b',
        ),
    ],
)
def test_an_entity_that_has_not_just_two_sides_is_told(said: dict[str, dict[str, Standing]], problem: str) -> None:
    assert pair_up(["order"], "monolith", said) == ({}, [problem])


def test_the_next_epoch_is_above_all_others() -> None:
    assert next_epoch([ORDER]) == 4
    assert next_epoch([ORDER], 9, 1) == 10


def test_what_is_shown_has_the_lag_of_both_ways() -> None:
    shown = ORDER.as_json()
    assert shown["lag"] == {"legacy_to_service": 0, "service_to_legacy": 0}
    assert (shown["owner"], shown["epoch"], shown["service"]) == ("legacy", 3, "orders")
