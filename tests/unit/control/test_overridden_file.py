"""A file and what holds beside it: what is to serve, and when the file has the last word again."""

from pathlib import Path

import pytest

from proxy.config.errors import ConfigError
from proxy.config.model import Stage
from proxy.control.overridden_file import OverriddenFile
from proxy.observability.log import Log
from proxy.rollout.overrides import Override
from proxy.rollout.ports import Position, position
from tests.support.moving import FILE

LEGACY = Position(Stage.LEGACY)
STOCK = Override("stock", LEGACY, "", "2026-11-30T12:00:00.000Z", "ann", "slow")
CART = Override("cart", LEGACY, "", "2026-11-30T12:00:00.000Z", "ann", "slow")


@pytest.fixture
def file(tmp_path: Path) -> OverriddenFile:
    (tmp_path / "routes.yaml").write_text(FILE)
    return opened(tmp_path)


def opened(folder: Path) -> OverriddenFile:
    file = OverriddenFile(str(folder / "routes.yaml"), {}, private=None, log=Log("control"))
    file.find_overrides(str(folder / ".strangler"))
    return file


def serve(file: OverriddenFile) -> dict[str, Position]:
    snapshot = file.load()
    file.settle()
    return {route.name: position(route) for route in snapshot.routes}


def test_what_was_put_beside_the_file_serves_with_it(file: OverriddenFile, tmp_path: Path) -> None:
    assert serve(file)["stock"] == Position(Stage.CUTOVER)
    file.put([STOCK])
    assert serve(file)["stock"] == LEGACY
    file.keep()
    assert serve(opened(tmp_path))["stock"] == LEGACY
    assert file.current is not None
    assert position(file.current.snapshot.routes[1]) == Position(Stage.CUTOVER), "the file says what it said"


def test_a_route_has_one_override_at_most(file: OverriddenFile) -> None:
    file.put([STOCK, CART])
    later = Override("stock", Position(Stage.SHADOW), "", "2026-11-30T12:00:01.000Z", "ann", "")
    file.put([later])
    assert file.overrides == (CART, later)
    file.put((), without=["stock"])
    assert file.overrides == (CART,)


def test_one_that_is_put_while_a_file_is_being_taken_is_not_lost(file: OverriddenFile) -> None:
    serve(file)
    file.put([STOCK])
    file.load()
    file.put([CART])
    file.settle()
    assert [each.route for each in file.overrides] == ["stock", "cart"]
    assert file.overrides[0].base != ""


def test_a_file_that_was_loaded_and_never_taken_ends_nothing(file: OverriddenFile, tmp_path: Path) -> None:
    file.put([STOCK])
    serve(file)
    (tmp_path / "routes.yaml").write_text(FILE.replace("GET /stock", "GET /store"))
    file.load()
    assert len(file.overrides) == 1
    assert [each.route for each in opened(tmp_path).overrides] == ["stock"]
    serve(file)
    assert file.overrides == ()


def test_beside_a_broken_file_the_last_good_one_serves(file: OverriddenFile, tmp_path: Path) -> None:
    serve(file)
    (tmp_path / "routes.yaml").write_text("routes: [")
    with pytest.raises(ConfigError):
        file.load()
    file.put([STOCK])
    assert file.current is not None
    served = file.beside(file.current.snapshot)
    assert [route.stage for route in served.routes] == [Stage.SHADOW, Stage.LEGACY, Stage.LEGACY]
    assert file.overrides[0].base, "it ends when the text that served last is changed"


def test_where_no_good_file_was_ever_read_what_serves_is_taken(file: OverriddenFile, tmp_path: Path) -> None:
    good = file.load()
    (tmp_path / "routes.yaml").write_text("routes: [")
    fresh = opened(tmp_path)
    fresh.put([STOCK])
    assert fresh.beside(good).routes[1].stage is Stage.LEGACY
    fresh.keep()
    assert opened(tmp_path).overrides == fresh.overrides


@pytest.mark.parametrize(
    ("stage", "stands"), [("cutover", Stage.LEGACY), ("shadow", Stage.SHADOW), ("legacy", Stage.LEGACY)]
)
def test_where_no_good_file_was_ever_read_the_mended_one_has_the_last_word_if_it_says_another_place(
    file: OverriddenFile, tmp_path: Path, stage: str, stands: Stage
) -> None:
    good, path = file.load(), tmp_path / "routes.yaml"
    path.write_text("routes: [")
    fresh = opened(tmp_path)
    fresh.put([STOCK])
    served = fresh.beside(good)
    fresh.keep()
    again = opened(tmp_path)  # and the same once more, with a step of the way back between
    again.put([Override("stock", Position(Stage.SHADOW), "", "2026-11-30T12:00:01.000Z", "ann", "")])
    again.beside(served)
    path.write_text(FILE.replace("stage: cutover", f"stage: {stage}"))
    assert serve(fresh)["stock"].stage is stands
    assert bool(fresh.overrides) is (stage == "cutover")
    assert serve(again)["stock"].stage is (Stage.SHADOW if stage == "cutover" else Stage(stage))
    path.write_text(path.read_text().replace("GET /stock", "GET /store"))
    assert serve(fresh)["stock"].stage is Stage(stage), "from then on any change of its text ends it"
