"""What holds beside the file: how it is applied, when it ends, how it is kept."""

import pytest

from proxy.config.compare import DEFAULT_SHADOW
from proxy.config.model import Route, Snapshot, Stage
from proxy.rollout.overrides import Override, apply, bases, decode, encode, sort_out
from proxy.rollout.ports import Position, position
from tests.support.routes_yaml import BASE, load

FILE = (
    BASE
    + """\
routes:
  - { name: cart, match: GET /cart, to: orders, stage: cutover }   # a comment
  - { name: stock, match: GET /stock, to: orders, stage: canary, canary: { weight: 5%, steps: [5%, 50%] } }
"""
)


def override(route: str, after: Position, base: str = "") -> Override:
    return Override(route, after, base, "2026-11-30T12:00:00.000Z", "ann", "it is slow")


LEGACY = Position(Stage.LEGACY)


def named(snapshot: Snapshot, name: str) -> Route:
    return next(route for route in snapshot.routes if route.name == name)


def test_a_route_stands_where_its_override_has_it_under_another_revision() -> None:
    snapshot = load(FILE)
    found = apply(snapshot, [override("cart", LEGACY)])
    assert position(named(found, "cart")) == LEGACY
    assert position(named(found, "stock")) == position(named(snapshot, "stock"))
    assert found.revision.startswith(snapshot.revision + "+")
    assert apply(found, [override("cart", Position(Stage.SHADOW))]).revision != found.revision
    assert apply(found, []).revision == snapshot.revision


def test_it_is_as_if_the_file_said_so() -> None:
    """With the settings that come with a stage, and none that came with the one before."""
    stages = [
        Position(Stage.LEGACY), Position(Stage.SHADOW), Position(Stage.CANARY, 0.05), Position(Stage.CUTOVER)
    ]  # fmt: skip
    for before in stages:
        for after in stages:
            weight = ", canary: { weight: 5% }"
            text = BASE + "routes:\n  - { name: cart, match: GET /cart, to: orders, stage: %s%s }\n"
            said = [load(text % (each.stage, weight)) for each in (before, after)]
            found = apply(said[0], [override("cart", after)])
            assert found.routes[0] == said[1].routes[0], (before, after)


def test_a_canary_takes_weight_and_pause() -> None:
    found = named(apply(load(FILE), [override("stock", Position(Stage.CANARY, 0.5, paused=True))]), "stock")
    canary = found.moving.canary
    assert canary is not None
    assert (canary.weight, canary.paused, canary.steps) == (0.5, True, (0.05, 0.5))
    cart = named(apply(load(FILE), [override("cart", Position(Stage.CANARY, 0.5))]), "cart")
    assert position(cart) == Position(Stage.CANARY, 0.5)
    assert cart.shadow == DEFAULT_SHADOW


def test_of_a_route_that_is_not_there_nothing_is_overridden() -> None:
    assert apply(load(FILE), [override("gone", LEGACY)]).routes == load(FILE).routes


def test_it_ends_when_the_text_of_its_route_changes_and_by_nothing_else() -> None:
    base = bases(FILE)["cart"]
    held = override("cart", LEGACY, base)
    others = FILE.replace("weight: 5%", "weight: 50%").replace("a comment", "another")
    assert sort_out([held], others, load(others)) == ([held], [])
    for text in (FILE.replace("/cart", "/cart/**"), FILE.replace("name: cart", "name: basket")):
        assert sort_out([held], text, load(text)) == ([], [held])


def test_it_ends_when_the_file_says_the_same() -> None:
    text = FILE.replace("cutover", "legacy")
    unbound = override("cart", LEGACY)
    assert sort_out([unbound], text, load(text)) == ([], [unbound])


def test_one_made_while_the_file_could_not_be_read_is_bound_to_the_first_text_that_can() -> None:
    kept, ended = sort_out([override("cart", LEGACY)], FILE, load(FILE))
    assert (kept, ended) == ([override("cart", LEGACY, bases(FILE)["cart"])], [])


def test_a_text_that_is_no_yaml_has_no_bases() -> None:
    assert bases("routes: [") == {}


def test_what_is_kept_is_read_again() -> None:
    all_of_them = [override("cart", LEGACY, "ab"), override("stock", Position(Stage.CANARY, 0.5, paused=True))]
    assert decode(encode(all_of_them)) == all_of_them


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"version": 2, "overrides": []}', b'{"version": 1}', b"\xff",
    b'{"version": 1, "overrides": [{}]}', b'{"version": 1, "overrides": [1]}', encode([override("a", LEGACY)])[:-20],
    encode([override("a", LEGACY)]).replace(b"legacy", b"nowhere")])  # fmt: skip
def test_what_is_damaged_is_refused_whole(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it is, it is one
        decode(data)
