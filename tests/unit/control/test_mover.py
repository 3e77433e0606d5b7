"""Moves in a file and beside it: what is written, what serves, what the ledger says, and what stays when it fails."""

import asyncio
import difflib
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from proxy.config.model import Stage
from proxy.rollout import ledger
from proxy.rollout.ports import Move, Moved, MoveRefused, Position, Verb
from tests.support.moving import FILE, Serving
from tests.unit.comparison.test_capture_file import files_of_at_most

LEGACY, CUTOVER = Position(Stage.LEGACY), Position(Stage.CUTOVER)


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    return Serving(tmp_path)


def move(serving: Serving, *moves: Move) -> Moved:
    return asyncio.run(serving.mover.move(moves))


def back(serving: Serving, route: str, stage: Stage = Stage.LEGACY) -> Move:
    return serving.move_of(route, stage, Verb.ROLLBACK)


def refusal(serving: Serving, *moves: Move) -> str:
    with pytest.raises(MoveRefused) as refused:
        move(serving, *moves)
    return f"{refused.value.message} | {refused.value.hint}"


def lines(text: str) -> list[str]:
    """The lines in which the file differs from what it was."""
    found = difflib.unified_diff(FILE.splitlines(), text.splitlines(), n=0, lineterm="")
    return [line for line in found if not line.startswith(("---", "+++", "@@"))]


def entries(serving: Serving) -> Sequence[ledger.Entry]:
    return ledger.read(serving.path.parent / ".strangler" / ledger.FILE, 100)[0]


def unwritable(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file is that is mounted by itself: it cannot be replaced."""
    rename = Path.replace

    def replace(path: Path, target: Path) -> Path:
        if Path(target) == serving.path:
            raise OSError(16, os.strerror(16))
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", replace)


def test_a_move_is_a_line_of_the_file_it_serves_and_it_is_in_the_ledger(serving: Serving) -> None:
    moved = move(serving, serving.move_of("cart", Stage.CUTOVER, evidence={"gates": []}))
    assert lines(serving.path.read_text()) == [
        "-    stage: shadow   # since spring",
        "+    stage: cutover   # since spring",
    ]
    assert serving.place("cart") == CUTOVER
    assert (moved.revision, moved.override, moved.notes) == (serving.active.snapshot.revision, False, ())
    assert "+    stage: cutover   # since spring" in moved.diff
    (entry,) = entries(serving)
    assert (entry["who"], entry["route"], entry["verb"], entry["why"]) == ("ann", "cart", "promote", "it is time")
    assert (entry["from"], entry["to"]) == ({"stage": "shadow"}, {"stage": "cutover"})
    assert (entry["revision"], entry["evidence"]) == (moved.revision, {"gates": []})


def test_several_moves_are_one(serving: Serving) -> None:
    move(serving, back(serving, "cart"), back(serving, "stock"))
    assert len(lines(serving.path.read_text())) == 4
    assert [each["route"] for each in entries(serving)] == ["cart", "stock"]


def test_what_was_decided_on_another_place_is_refused(serving: Serving) -> None:
    first, second = serving.move_of("cart", Stage.CANARY, after=Position(Stage.CANARY, 0.01)), back(serving, "cart")

    async def both() -> list[object]:
        return await asyncio.gather(serving.mover.move([first]), serving.mover.move([second]), return_exceptions=True)

    done, refused = asyncio.run(both())
    assert isinstance(done, Moved)
    assert isinstance(refused, MoveRefused)
    assert "has moved in the meantime" in refused.message
    assert len(entries(serving)) == 1


def test_a_rollback_comes_back_from_wherever_each_route_is_by_now(serving: Serving) -> None:
    moves = [back(serving, route) for route in ("cart", "stock")]
    canary = Position(Stage.CANARY, 0.05, paused=True)
    for meanwhile in (serving.move_of("cart", Stage.CANARY, after=canary), back(serving, "stock")):
        move(serving, meanwhile)
    with pytest.raises(MoveRefused, match="has moved in the meantime"):
        move(serving, *moves)  # who decided on one place, such as a rollout, holds to it
    moved = asyncio.run(serving.mover.move(moves, from_anywhere=True))
    assert serving.place("cart") == Position(Stage.LEGACY, paused=True)
    assert moved.notes == (
        'route "cart" had moved in the meantime: canary 5%, paused',
        'route "stock" had moved in the meantime: legacy',
    )
    assert [entry["from"]["stage"] for entry in entries(serving)] == ["shadow", "cutover", "canary"]
    gone = asyncio.run(serving.mover.move(moves, from_anywhere=True))
    assert (gone.diff, len(entries(serving))) == ("", 3)


def test_what_is_decided_on_writing_holds_to_its_place(tmp_path: Path) -> None:
    writes = "{ name: stock, match: POST /stock, writes: { entities: [stock] }, to: orders,"
    serving = Serving(tmp_path, FILE.replace("{ name: stock, match: GET /stock, to: orders,", writes))
    decided = serving.move_of("stock", Stage.LEGACY, Verb.ROLLBACK, before=Position(Stage.SHADOW))
    with pytest.raises(MoveRefused, match="has moved in the meantime"):
        asyncio.run(serving.mover.move([decided], from_anywhere=True))


def test_what_a_person_writes_meanwhile_is_kept(serving: Serving) -> None:
    serving.edit("# the cart", "# the cart of the shop")
    move(serving, serving.move_of("cart", Stage.CUTOVER))
    text = serving.path.read_text()
    assert "# the cart of the shop" in text
    assert "stage: cutover   # since spring" in text


def test_what_a_person_says_of_that_route_meanwhile_is_not_written_over(serving: Serving) -> None:
    wanted = serving.move_of("cart", Stage.CUTOVER)
    serving.edit("stage: shadow   #", "stage: legacy   #")
    assert 'route "cart" was changed in the file in the meantime' in refusal(serving, wanted)
    assert "stage: legacy   #" in serving.path.read_text()
    assert entries(serving) == []


def test_a_file_that_is_replaced_while_it_is_edited_is_edited_again(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    from proxy.config import edit_file

    check = edit_file._check_unchanged
    writers = ["# another"]

    def meddle(opened: edit_file.OpenedFile) -> None:
        if writers:
            serving.edit("# the cart", writers.pop())
        check(opened)

    monkeypatch.setattr(edit_file, "_check_unchanged", meddle)
    move(serving, serving.move_of("cart", Stage.CUTOVER))
    text = serving.path.read_text()
    assert "# another" in text
    assert "stage: cutover   # since" in text
    writers += [f"# {number}" for number in range(9)]
    serving.edit("# another", "# the cart")

    def always(opened: edit_file.OpenedFile) -> None:
        serving.path.write_text(serving.path.read_text() + "# more\n")
        check(opened)

    monkeypatch.setattr(edit_file, "_check_unchanged", always)
    assert "again and again" in refusal(serving, serving.move_of("pages", Stage.SHADOW))
    assert "stage: legacy, group" in serving.path.read_text()
    assert move(serving, back(serving, "stock")).override
    assert serving.place("stock") == LEGACY


def test_what_a_worker_refuses_is_taken_back(serving: Serving) -> None:
    serving.refuses = "it has no such upstream"
    said = refusal(serving, serving.move_of("cart", Stage.CUTOVER))
    assert "it is not served: it has no such upstream" in said
    assert "the file is as it was" in said
    assert serving.path.read_text() == FILE
    assert entries(serving) == []


def test_what_would_make_the_file_invalid_is_refused(serving: Serving) -> None:
    retired = serving.move_of("pages", Stage.RETIRED, Verb.RETIRE, respond={"status": 301})
    assert "the file would have errors" in refusal(serving, retired)
    assert serving.path.read_text() == FILE


def test_a_late_worker_is_told_of(serving: Serving) -> None:
    serving.late = (1,)
    assert move(serving, back(serving, "cart")).notes == ("not yet confirmed by worker 1",)


# Beside the file


def test_where_the_file_cannot_be_replaced_a_move_holds_beside_it_and_survives(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwritable(serving, monkeypatch)
    moved = move(serving, serving.move_of("cart", Stage.CUTOVER))
    assert moved.override
    assert "cannot be replaced: device or resource busy" in moved.notes[0]
    assert serving.path.read_text() == FILE
    assert serving.place("cart") == CUTOVER
    assert "device or resource busy" in entries(serving)[0]["evidence"]["beside_the_file"]
    other = serving.restarted()
    assert other.place("cart") == CUTOVER
    assert other.active.snapshot.revision == serving.active.snapshot.revision
    again = move(other, other.move_of("cart", Stage.LEGACY, Verb.ROLLBACK))
    assert again.override
    assert serving.restarted().place("cart") == LEGACY


def test_an_override_ends_when_its_route_changes_in_the_file_and_not_before(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        unwritable(serving, patch)
        move(serving, back(serving, "stock"))
    serving.edit("# the cart", "# a cart")
    asyncio.run(serving.reload("watch"))
    assert serving.place("stock") == LEGACY
    serving.edit("match: GET /stock", "match: GET /stock/**")
    asyncio.run(serving.reload("watch"))
    assert serving.place("stock") == CUTOVER
    assert serving.file.overrides == ()
    assert '"event": "override_ended"' in serving.output.getvalue()
    assert serving.restarted().place("stock") == CUTOVER


def test_a_file_that_is_refused_ends_no_override(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        unwritable(serving, patch)
        move(serving, back(serving, "stock"))
    serving.edit("match: GET /stock", "match: GET /stock/**")
    serving.refuses = "no"
    asyncio.run(serving.reload("watch"))
    assert [each.route for each in serving.file.overrides] == ["stock"]
    assert serving.place("stock") == LEGACY


def test_a_move_that_can_be_written_again_ends_the_override(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        unwritable(serving, patch)
        move(serving, back(serving, "stock"))
    move(serving, serving.move_of("stock", Stage.SHADOW))
    assert serving.file.overrides == ()
    assert "stage: shadow, group" in serving.path.read_text()
    with monkeypatch.context() as patch:
        unwritable(serving, patch)
        move(serving, serving.move_of("stock", Stage.CUTOVER))
        move(serving, serving.move_of("stock", Stage.SHADOW, Verb.RESUME))
    assert serving.file.overrides == ()
    assert serving.restarted().place("stock") == Position(Stage.SHADOW)


@pytest.mark.parametrize("text", ["routes: [", FILE.replace("to: orders   #", "to: nobody   #"), "", "\xff"])
def test_a_rollback_needs_no_good_file(serving: Serving, text: str) -> None:
    serving.path.write_text(text)
    assert "the file has errors" in refusal(serving, serving.move_of("cart", Stage.CUTOVER))
    moved = move(serving, back(serving, "stock"))
    assert moved.override
    assert serving.place("stock") == LEGACY
    serving.path.write_text(FILE)
    asyncio.run(serving.reload("watch"))
    assert serving.place("stock") == LEGACY, "the text of the route is what it was"
    serving.edit("stage: cutover, group", "stage: canary, group")
    asyncio.run(serving.reload("watch"))
    assert serving.place("stock").stage is Stage.CANARY


def test_a_rollback_needs_no_file_at_all(serving: Serving) -> None:
    serving.path.unlink()
    assert "no such file" in refusal(serving, serving.move_of("cart", Stage.CUTOVER))
    assert move(serving, back(serving, "cart"), back(serving, "stock")).override
    assert (serving.place("cart"), serving.place("stock")) == (LEGACY, LEGACY)


def test_a_rollback_of_what_stands_there_from_outside_the_file_holds_beside_it(tmp_path: Path) -> None:
    serving = Serving(tmp_path, FILE.replace("stage: cutover", 'stage: "${STAGE:-cutover}"'))
    assert "comes from outside the file" in refusal(serving, serving.move_of("stock", Stage.RETIRED, Verb.RETIRE))
    assert move(serving, back(serving, "stock")).override
    assert serving.place("stock") == LEGACY


def test_what_a_retired_route_says_cannot_be_kept_beside_the_file(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwritable(serving, monkeypatch)
    retired = serving.move_of("stock", Stage.RETIRED, Verb.RETIRE, respond={"see": "/new"})
    assert "nothing has changed" in refusal(serving, retired)
    assert move(serving, serving.move_of("stock", Stage.RETIRED, Verb.RETIRE)).override


# A full disk, a damaged ledger


def test_on_a_full_disk_a_move_holds_in_memory_and_everybody_is_told(serving: Serving) -> None:
    with files_of_at_most(0):
        moved = move(serving, back(serving, "stock"))
    assert moved.override
    assert serving.place("stock") == LEGACY
    assert any("survives no restart" in note for note in moved.notes)
    assert any("the move stands, and is not in the ledger" in note for note in moved.notes)
    assert '"event": "overrides_not_kept"' in serving.output.getvalue()
    assert serving.path.read_text() == FILE
    assert move(serving, serving.move_of("stock", Stage.SHADOW)).notes == ()
    assert "stage: shadow, group" in serving.path.read_text()


def test_where_the_state_folder_cannot_be_written_an_override_lies_in_the_servers_own(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    serving = Serving(tmp_path, private=tmp_path / "own")
    (tmp_path / ".strangler").write_text("no folder")
    serving.path.unlink()
    moved = move(serving, back(serving, "stock"))
    assert any("survives a restart of the control process, not of the server" in note for note in moved.notes)
    serving.path.write_text(FILE)
    assert Serving(tmp_path, private=tmp_path / "own").place("stock") == LEGACY
    assert serving.restarted().place("stock") == CUTOVER


def test_a_damaged_ledger_holds_up_no_move(serving: Serving) -> None:
    path = serving.path.parent / ".strangler" / ledger.FILE
    path.parent.mkdir()
    path.write_bytes(b"\0garbage\n")
    moved = move(serving, back(serving, "stock"))
    assert serving.place("stock") == LEGACY
    assert "ledger.jsonl is damaged; it is kept as" in moved.notes[0]
    assert len(entries(serving)) == 1
    path.unlink()
    path.mkdir()
    assert "is not in the ledger" in move(serving, serving.move_of("stock", Stage.SHADOW)).notes[0]
    assert serving.place("stock") == Position(Stage.SHADOW)


def test_damaged_overrides_are_set_aside(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    path = serving.path.parent / ".strangler" / "overrides.json"
    with monkeypatch.context() as patch:
        unwritable(serving, patch)
        move(serving, back(serving, "stock"))
    path.write_text("{")
    other = serving.restarted()
    assert other.place("stock") == CUTOVER
    assert "is damaged, and no override holds; it is kept as overrides.json.broken-" in other.output.getvalue()


# What moves see first


def test_what_was_written_a_moment_ago_serves_before_anything_is_decided(serving: Serving) -> None:
    asyncio.run(serving.mover.catch_up())
    serving.edit("stage: shadow   #", "stage: cutover   #")
    asyncio.run(serving.mover.catch_up())
    assert serving.place("cart") == CUTOVER


def test_a_preview_shows_the_diff_and_changes_nothing(serving: Serving) -> None:
    diff = asyncio.run(serving.mover.preview([serving.move_of("cart", Stage.CUTOVER)]))
    assert "+    stage: cutover   # since spring" in diff
    assert serving.path.read_text() == FILE
    serving.path.write_text("routes: [")
    with pytest.raises(MoveRefused, match="the file has errors"):
        asyncio.run(serving.mover.preview([back(serving, "cart")]))
