"""`strangler history` where no server runs: it reads the ledger itself."""

import json
from pathlib import Path

from tests.unit.cli.test_moving import ELSEWHERE, run


def moved(folder: Path) -> Path:
    file = folder / "routes.yaml"
    file.write_text(ELSEWHERE)
    run(file, "promote", "cart", "--to", "cutover", "--force", "--because", "it is time")
    run(file, "rollback", "stock")
    return file


def test_moves_are_lines_the_newest_last(tmp_path: Path) -> None:
    file = moved(tmp_path)
    result = run(file, "history")
    assert result.exit_code == 0
    first, last = result.stdout.splitlines()
    assert "cart   shadow → cutover  promote (forced)  " in first
    assert first.endswith("it is time")
    assert "stock  cutover → legacy  rollback" in last
    (newest,) = run(file, "history", "--limit", "1").stdout.splitlines()
    assert newest.split() == last.split()
    assert len(json.loads(run(file, "history", "cart", "--json").stdout)["entries"]) == 1


def test_a_changed_ledger_is_told_with_its_line(tmp_path: Path) -> None:
    file = moved(tmp_path)
    ledger = tmp_path / ".strangler" / "ledger.jsonl"
    ledger.write_text(ledger.read_text().replace("it is time", "it was time") + '{"torn')
    result = run(file, "history")
    assert result.exit_code == 1
    assert "ledger.jsonl:1: it does not continue the entry before it" in result.stderr
    assert "ledger.jsonl:3: it was never finished" in result.stderr


def test_before_the_first_move_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(ELSEWHERE)
    result = run(tmp_path / "routes.yaml", "history")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no move is in the ledger\n")
    result = run(tmp_path / "routes.yaml", "history", "carts")
    assert result.stderr == "no move of a route carts is in the ledger\n"
