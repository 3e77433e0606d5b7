"""The ledger as an operator asks for it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.config.model import Stage
from proxy.operations.errors import Code, OperationError
from proxy.operations.history import DEFAULT_LIMIT, history, read_limit
from proxy.rollout import ledger
from proxy.rollout.ports import Move, Position, Verb

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def write(folder: Path, *routes: str) -> Path:
    path = folder / ledger.FILE
    here, there = Position(Stage.LEGACY), Position(Stage.SHADOW)
    moves = [Move(route, Verb.SHADOW, here, there, "ann", "") for route in routes]
    ledger.append(path, [ledger.entry_of(move, "r1", NOW) for move in moves], broken_at=NOW, tell=lambda _said: None)
    return path


def test_the_newest_moves_of_all_or_of_one(tmp_path: Path) -> None:
    path = write(tmp_path, "a", "b", "a")
    found = history(str(tmp_path), None, 2)
    assert [each["route"] for each in found["entries"]] == ["b", "a"]
    assert (found["broken"], found["unfinished"], found["bytes"]) == (None, [], path.stat().st_size)
    assert len(history(str(tmp_path), "a", 9)["entries"]) == 2


def test_before_the_first_move_there_is_none(tmp_path: Path) -> None:
    assert history(str(tmp_path), None, 9)["entries"] == []


def test_a_broken_chain_a_torn_line_and_an_older_file_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a", "b", "c")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[2], '{"torn']))
    (tmp_path / "ledger.jsonl.broken-20261130").write_text("")
    found = history(str(tmp_path), None, 9)
    assert found["broken"] == {"line": 2, "why": "it does not continue the entry before it"}
    assert found["unfinished"] == [3]
    assert found["set_aside"] == ["ledger.jsonl.broken-20261130"]


def test_one_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / ledger.FILE).mkdir()
    with pytest.raises(OperationError, match="cannot be read: is a directory") as error:
        history(str(tmp_path), None, 9)
    assert error.value.code is Code.REFUSED


def test_a_limit_is_a_number_within_bounds() -> None:
    assert (read_limit(None), read_limit("7")) == (DEFAULT_LIMIT, 7)
    with pytest.raises(OperationError, match="limit: 0 is not between"):
        read_limit("0")
