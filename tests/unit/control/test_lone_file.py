"""A file that no server serves, moved by the command line alone."""

import asyncio
import io
from pathlib import Path

import pytest

from proxy.config.errors import ConfigError
from proxy.config.model import Stage
from proxy.control.lone_file import LoneFile
from proxy.control.override_store import OverrideStore
from proxy.observability.log import Log
from proxy.rollout.overrides import Override
from proxy.rollout.ports import Move, MoveRefused, Position, Verb
from tests.support.moving import FILE

CUTOVER, LEGACY = Position(Stage.CUTOVER), Position(Stage.LEGACY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(FILE)
    return path


def alone(path: Path) -> LoneFile:
    return LoneFile(str(path), {}, Log("cli", io.StringIO()))


def rollback(before: Position = CUTOVER) -> Move:
    return Move("stock", Verb.ROLLBACK, before, LEGACY, "ann", "slow")


def test_a_move_is_made_in_the_file(path: Path) -> None:
    lone = alone(path)
    moved = asyncio.run(lone.mover.move([rollback()]))
    assert (moved.override, moved.notes) == (False, ())
    assert "name: stock, match: GET /stock, to: orders, stage: legacy" in path.read_text()
    assert lone.active.snapshot.revision == moved.revision


def test_there_is_nothing_beside_the_file_that_anybody_would_go_by(path: Path) -> None:
    lone = alone(path)
    path.write_text("routes: [")
    with pytest.raises(MoveRefused, match="the file has errors"):
        asyncio.run(lone.mover.move([rollback()]))
    with pytest.raises(ConfigError):
        alone(path)


def test_what_the_next_server_would_find_beside_the_file_counts_and_ends_with_a_move(path: Path) -> None:
    store = OverrideStore(str(path.parent / ".strangler"), None)
    store.write([Override("stock", Position(Stage.SHADOW), "", "2026-11-30T12:00:00Z", "ann", "")])
    lone = alone(path)
    assert lone.active.snapshot.routes[1].stage is Stage.SHADOW
    asyncio.run(lone.mover.move([rollback(Position(Stage.SHADOW))]))
    assert alone(path).active.snapshot.routes[1].stage is Stage.LEGACY
    assert lone.file.overrides == ()
