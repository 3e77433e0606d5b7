"""Which routes of a group one word moves, and why the others stay."""

import pytest

from proxy.config.model import Snapshot
from proxy.rollout.choice import NotThere, everything_out, of_group, one
from proxy.rollout.ports import MoveRefused, Verb
from tests.support.routes_yaml import BASE, load


def group(**stages: str) -> Snapshot:
    """Routes by name; `writes` behind a stage makes one that writes, a weight one of that canary."""
    lines = []
    for name, said in stages.items():
        stage, _, more = said.partition(" ")
        extra = f", writes: {{ entities: [{name}] }}" if more == "writes" else f", canary: {{ {more} }}" if more else ""
        lines.append(
            f"  - {{ name: {name}, match: GET /{name}, to: orders, group: checkout, stage: {stage}{extra} }}\n"
        )
    return load(BASE + "routes:\n" + "".join(lines))


def chosen(snapshot: Snapshot, verb: Verb) -> list[str]:
    return [route.name for route in of_group(snapshot, "checkout", verb).routes]


def test_forward_go_those_that_lag_behind_most() -> None:
    assert chosen(group(a="legacy", b="shadow", c="legacy"), Verb.PROMOTE) == ["a", "c"]
    assert chosen(group(a="canary weight: 5%", b="canary weight: 1%", c="cutover"), Verb.PROMOTE) == ["b"]


def test_those_that_write_go_forward_last() -> None:
    assert chosen(group(a="legacy writes", b="canary", c="shadow"), Verb.PROMOTE) == ["c"]
    assert chosen(group(a="legacy writes", b="cutover", c="retired"), Verb.PROMOTE) == ["a"]


def test_back_come_those_that_have_gone_farthest_whatever_their_weight() -> None:
    assert chosen(group(a="canary weight: 5%", b="canary weight: 50%", c="shadow"), Verb.ROLLBACK) == ["a", "b"]
    assert chosen(group(a="cutover", b="cutover writes", c="canary", d="retired"), Verb.ROLLBACK) == ["a", "b"]


def test_the_other_words_mean_those_they_can_be_said_of() -> None:
    snapshot = group(a="legacy", b="legacy writes", c="canary paused: true", d="canary", e="cutover")
    assert chosen(snapshot, Verb.SHADOW) == ["a"]
    assert chosen(snapshot, Verb.PAUSE) == ["c", "d"]
    assert chosen(snapshot, Verb.RESUME) == ["c"]
    assert chosen(snapshot, Verb.RETIRE) == ["e"]


def test_the_others_are_listed_with_where_they_stand() -> None:
    found = of_group(group(a="legacy writes", b="canary", c="shadow"), "checkout", Verb.PROMOTE)
    assert [(each.route, each.why) for each in found.left] == [
        ("a", "stands at legacy, and writes: moves by itself, or last"),
        ("b", "stands at canary 1%"),
    ]


def test_a_group_of_which_none_can_move_says_where_all_stand() -> None:
    with pytest.raises(MoveRefused, match="promote moves no route of the group: a at cutover, b at retired"):
        of_group(group(a="cutover", b="retired"), "checkout", Verb.PROMOTE)


def test_names_that_are_not_there_are_told_with_their_neighbours() -> None:
    snapshot = group(orders="legacy")
    with pytest.raises(NotThere) as refused:
        one(snapshot, "order")
    assert refused.value.hint == 'did you mean "orders"?'
    with pytest.raises(NotThere) as refused:
        of_group(snapshot, "checkouts", Verb.PROMOTE)
    assert refused.value.hint == 'did you mean "checkout"?'


def test_everything_is_what_is_neither_with_the_monolith_nor_retired() -> None:
    snapshot = group(a="legacy", b="shadow", c="canary", d="cutover writes", e="retired")
    assert [route.name for route in everything_out(snapshot).routes] == ["b", "c", "d"]


def test_a_composed_answer_stays_because_the_monolith_has_none() -> None:
    snapshot = load(
        BASE
        + "routes:\n  - { name: page, match: GET /page, to: orders, stage: cutover }\n"
        + "  - { name: summary, match: GET /summary, aggregate: { order: { from: orders, get: /order } } }\n"
    )
    found = everything_out(snapshot)
    assert [route.name for route in found.routes] == ["page"]
    assert [each.route for each in found.left] == ["summary"]
