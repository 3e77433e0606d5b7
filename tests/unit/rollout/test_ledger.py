"""The ledger: an unbroken chain, and what becomes of one that is torn, changed, or cannot be written."""

import fcntl
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.config.model import Stage
from proxy.rollout import ledger
from proxy.rollout.ledger import MAX_ENTRY_BYTES, LedgerUnwritable, append, entry_of, read
from proxy.rollout.ports import Move, Position, Verb
from tests.unit.comparison.test_capture_file import files_of_at_most

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / ledger.FILE


def move(route: str = "cart", because: str = "", **evidence: object) -> Move:
    return Move(
        route, Verb.PROMOTE, Position(Stage.SHADOW), Position(Stage.CANARY, 0.05, paused=True), "ann", because, evidence
    )


def write(path: Path, *routes: str) -> list[str]:
    told: list[str] = []
    append(path, [entry_of(move(route), "r1", NOW) for route in routes], broken_at=NOW, tell=told.append)
    return told


def routes(path: Path) -> list[str]:
    return [each["route"] for each in read(path, 100)[0]]


def findings(path: Path) -> list[tuple[int, bool]]:
    return [(each.line, each.broken) for each in read(path, 100)[1]]


def test_an_entry_says_who_moved_what_when_from_where_to_where_why_and_on_what_evidence(path: Path) -> None:
    append(path, [entry_of(move("cart", "it holds", gates=[1]), "r1", NOW)], broken_at=NOW, tell=pytest.fail)
    entry = json.loads(path.read_text())
    assert {key: entry[key] for key in entry if key not in ("hash", "prev")} == {
        "at": "2026-11-30T12:00:00.000Z",
        "who": "ann",
        "route": "cart",
        "verb": "promote",
        "from": {"stage": "shadow"},
        "to": {"stage": "canary", "weight": "5%", "paused": True},
        "why": "it holds",
        "evidence": {"gates": [1]},
        "revision": "r1",
    }
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_entries_make_a_chain_over_several_writes(path: Path) -> None:
    assert write(path, "a", "b") == []
    assert write(path, "c") == []
    assert routes(path) == ["a", "b", "c"]
    assert findings(path) == []
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [each["prev"] for each in lines] == [ledger.START, lines[0]["hash"], lines[1]["hash"]]


def test_the_newest_are_read_and_those_of_one_route(path: Path) -> None:
    write(path, *"abcab")
    assert [each["route"] for each in read(path, 2)[0]] == ["a", "b"]
    assert len(read(path, 10, "b")[0]) == 2
    assert read(path.parent / "none", 10) == ([], [])


@pytest.mark.parametrize("change", [
    lambda lines: [lines[0], lines[1].replace('"b"', '"x"'), *lines[2:]],  # another route
    lambda lines: [lines[0], *lines[2:]],  # one is missing
    lambda lines: [lines[0], "garbage", *lines[2:]],
    lambda lines: [lines[0], lines[2], lines[1], lines[3]],
])  # fmt: skip
def test_a_changed_missing_or_exchanged_line_breaks_the_chain_there(path: Path, change: object) -> None:
    write(path, *"abcd")
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")  # type: ignore[operator]
    assert findings(path) == [(2, True)]


def test_a_hash_that_was_made_anew_does_not_fit_the_next_entry(path: Path) -> None:
    write(path, *"abc")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    forged = {**lines[1], "why": "no reason"}
    del forged["hash"]
    forged["hash"] = ledger.hashlib.sha256(ledger.canonical(forged)).hexdigest()
    path.write_text("".join(json.dumps(each) + "\n" for each in (lines[0], forged, lines[2])))
    assert findings(path) == [(3, True)]


def test_a_torn_last_line_is_tolerated_told_and_written_behind(path: Path) -> None:
    write(path, "a", "b")
    path.write_bytes(path.read_bytes()[:-30])
    assert (routes(path), findings(path)) == (["a"], [(2, False)])
    assert any("never finished" in said for said in write(path, "c"))
    assert (routes(path), findings(path)) == (["a", "c"], [(2, False)])
    assert write(path, "d") == []
    assert routes(path) == ["a", "c", "d"]


def test_a_torn_first_line_too(path: Path) -> None:
    write(path, "a")
    path.write_bytes(path.read_bytes()[:50])
    write(path, "b")
    assert (routes(path), findings(path)) == (["b"], [(1, False)])


def test_a_last_line_that_was_changed_is_found_and_the_file_set_aside(path: Path) -> None:
    write(path, "a", "b")
    for day in range(5):
        path.with_name(f"ledger.jsonl.broken-2026010{day + 1}T000000000000Z").touch()
    path.write_text(path.read_text().replace('"route":"b"', '"route":"x"'))
    assert findings(path) == [(2, True)]
    (said,) = write(path, "c")
    assert "is damaged; it is kept as ledger.jsonl.broken-" in said
    assert (routes(path), findings(path)) == (["c"], [])
    assert len(list(path.parent.glob("ledger.jsonl.broken-*"))) == 6, "no evidence is ever removed"


@pytest.mark.parametrize("content", [b"\0" * 100_000 + b"\n", b"x" * 200_000, b"{}\n", b'{"hash": 1}\n', b"[" * 9999])
def test_any_other_content_is_set_aside_or_stays_as_a_line_of_its_own(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert write(path, "a")
    assert routes(path) == ["a"]


def test_on_a_full_disk_nothing_half_is_left(path: Path) -> None:
    write(path, "a")
    before = path.read_bytes()
    with files_of_at_most(len(before) + 20), pytest.raises(LedgerUnwritable, match=r"no space left|file too large"):
        write(path, "b")
    assert path.read_bytes() == before
    write(path, "c")
    assert (routes(path), findings(path)) == (["a", "c"], [])


def test_where_no_file_can_be_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(LedgerUnwritable, match=r"file exists|not a directory"):
        write(tmp_path / "state" / ledger.FILE, "a")


def test_who_holds_the_lock_for_ever_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_TRIES", 2)
    write(path, "a")
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LedgerUnwritable, match="temporarily unavailable"):
            write(path, "b")
    assert routes(path) == ["a"]


def test_several_writers_make_one_chain(path: Path) -> None:
    threads = [threading.Thread(target=lambda: [write(path, "a") for _ in range(10)]) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(routes(path)), findings(path)) == (40, [])


def test_an_entry_is_bounded(path: Path) -> None:
    big = entry_of(move("cart", "x" * 100_000, gates=["y" * 100_000]), "r1", NOW)
    append(path, [big], broken_at=NOW, tell=pytest.fail)
    assert len(path.read_bytes()) < MAX_ENTRY_BYTES
    assert json.loads(path.read_text())["evidence"] == {"omitted": f"more than {MAX_ENTRY_BYTES} bytes"}
    assert findings(path) == []


def test_letters_of_any_kind_keep_their_hash(path: Path) -> None:
    append(path, [entry_of(move("cart", "größer \ud800 \u2028 😀"), "r1", NOW)], broken_at=NOW, tell=pytest.fail)
    assert findings(path) == []
