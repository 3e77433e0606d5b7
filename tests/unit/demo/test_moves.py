"""What a demo tells of a route table that changed."""

from proxy.demo.moves import ABSENT, Seen, moves


def seen(revision: str, **places: str) -> Seen:
    return Seen(revision, places, None)


def told(before: Seen, after: Seen) -> list[tuple[str, str, str, str]]:
    return [(move.revision, move.route, move.before, move.after) for move in moves(before, after)]


def test_only_routes_at_another_place_have_moved() -> None:
    before = seen("a", products="legacy", stock="legacy")
    after = seen("b", products="cutover", stock="legacy")
    assert told(before, after) == [("b", "products", "legacy", "cutover")]


def test_a_route_whose_weight_is_another_has_moved() -> None:
    before, after = seen("a", products="canary 25%"), seen("b", products="canary 50%")
    assert told(before, after) == [("b", "products", "canary 25%", "canary 50%")]


def test_a_new_revision_alone_moves_nothing() -> None:
    assert told(seen("a", products="legacy"), seen("b", products="legacy")) == []


def test_routes_that_come_and_go_are_told() -> None:
    before, after = seen("a", old="retired"), seen("b", new="legacy")
    assert told(before, after) == [("b", "new", ABSENT, "legacy"), ("b", "old", "retired", ABSENT)]
