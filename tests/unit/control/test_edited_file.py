"""The text of a file, edited for moves and put in its place; or why it is not to be had."""

from pathlib import Path

import pytest

from proxy.config.model import Stage
from proxy.control.edited_file import edit, positions, put_back, write
from proxy.rollout.ports import MoveRefused, Position, Verb
from tests.support.moving import FILE, Serving


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    return Serving(tmp_path)


def test_an_edit_is_not_written_until_it_is(serving: Serving) -> None:
    moves = [serving.move_of("cart", Stage.CUTOVER)]
    edited = edit(serving.file, moves)
    assert (edited.before, serving.path.read_text()) == (FILE, FILE)
    assert write(serving.file, moves).text == edited.text == serving.path.read_text()


def test_what_was_written_is_put_back_unless_somebody_has_written_since(serving: Serving) -> None:
    moves = [serving.move_of("cart", Stage.CUTOVER)]
    edited = write(serving.file, moves)
    assert put_back(edited) == "the file is as it was"
    assert serving.path.read_text() == FILE
    edited = write(serving.file, moves)
    serving.edit("# the cart", "# a cart")
    assert "the file still has the move" in put_back(edited)
    assert "# a cart" in serving.path.read_text()
    assert put_back(edit(serving.file, [])) == "nothing has changed"


def test_a_broken_file_stops_a_move_forward_and_is_only_named_to_one_back(serving: Serving) -> None:
    forward, back = serving.move_of("cart", Stage.CUTOVER), serving.move_of("stock", Stage.LEGACY, Verb.ROLLBACK)
    serving.path.write_text("version: 1\nroutez: []\n")
    assert "the file has errors" in edit(serving.file, [back]).why_not
    for moves in ([forward], [forward, back]):
        with pytest.raises(MoveRefused, match="the file has errors"):
            edit(serving.file, moves)


def test_a_route_that_has_left_the_file_is_only_named_to_a_move_back(serving: Serving) -> None:
    back = serving.move_of("stock", Stage.LEGACY, Verb.ROLLBACK)
    serving.edit("name: stock", "name: store")
    assert 'no route is named "stock"' in edit(serving.file, [back]).why_not


def test_positions_are_those_of_every_route(serving: Serving) -> None:
    assert positions(serving.active.snapshot) == {
        "cart": Position(Stage.SHADOW),
        "stock": Position(Stage.CUTOVER),
        "pages": Position(Stage.LEGACY),
    }
