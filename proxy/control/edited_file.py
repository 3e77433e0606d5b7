"""[IO] Moves made in the text of routes.yaml: read as it is now, edited, checked, and put in its place.

It says why the file is not to be had, and leaves it to the mover what then becomes of the move. What others write at
the same moment is read again, never written over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proxy.config.edit import EditRefused
from proxy.config.edit_file import OpenedFile, Unwritable, open_for_edit, write_edited
from proxy.config.errors import ConfigError
from proxy.config.model import Snapshot
from proxy.config.source import load_content
from proxy.control.overridden_file import OverriddenFile
from proxy.rollout.file_edit import Change, edit_routes
from proxy.rollout.ports import Move, MoveRefused, Position, position

TRIES: Final = 3  # to write a file that others write too


@dataclass(frozen=True, slots=True)
class Edited:
    """An edit, written or not. `why_not` says why the file is not to be had; then nothing was edited."""

    opened: OpenedFile | None = None
    text: str = ""
    why_not: str = ""

    @property
    def before(self) -> str:
        return self.opened.text if self.opened else ""


def write(file: OverriddenFile, moves: Sequence[Move]) -> Edited:
    """The file, with the moves made in it. Raises MoveRefused; where it is not to be had, it says why not."""
    for _ in range(TRIES):
        edited = edit(file, moves)
        if edited.opened is None or edited.text == edited.before:
            return edited
        try:
            write_edited(edited.opened, edited.text)
        except Unwritable as error:
            return Edited(why_not=error.message)
        except EditRefused:
            continue  # somebody else was faster: what they wrote is read, and edited
        return edited
    why = f"{file.path} was changed by somebody else again and again"
    if all(each.is_back for each in moves):
        return Edited(why_not=why)
    raise MoveRefused(why, "try again when it is left alone")


def edit(file: OverriddenFile, moves: Sequence[Move]) -> Edited:
    """The file as it is now, and as it is to be. Raises MoveRefused."""
    waits_for_nothing = all(each.is_back for each in moves)
    try:
        opened = open_for_edit(file.path)
        says = positions(load_content(opened.data, file.path, file.environ))
        if not waits_for_nothing:
            _check_unchanged(file, moves, says)
        changes = [Change(each.route, says.get(each.route, each.before), each.after, each.respond) for each in moves]
        text = edit_routes(opened.text, changes)
    except (OSError, ConfigError, EditRefused) as error:
        why = _reason(file.path, error)
        if waits_for_nothing:
            return Edited(why_not=why)
        raise MoveRefused(why, "mend the file, or edit it by hand") from None
    try:
        load_content(text.encode(), file.path, file.environ)
    except ConfigError as error:
        raise MoveRefused(f"the file would have errors: {error.problems[0]}") from None
    return Edited(opened, text)


def _check_unchanged(file: OverriddenFile, moves: Sequence[Move], says: dict[str, Position]) -> None:
    """What a person has just written of these routes, and nobody serves yet, is not written over."""
    served = positions(file.current.snapshot) if file.current else says
    for each in moves:
        if says.get(each.route) != served.get(each.route):
            raise MoveRefused(f'route "{each.route}" was changed in the file in the meantime', "try again")


def put_back(edited: Edited) -> str:
    """What became of the file."""
    if edited.opened is None or edited.text == edited.before:
        return "nothing has changed"
    try:
        write_edited(OpenedFile(edited.opened.path, edited.text.encode()), edited.before)
    except EditRefused as error:
        return f"the file still has the move: {error.message}"
    return "the file is as it was"


def positions(snapshot: Snapshot) -> dict[str, Position]:
    """Where every route stands."""
    return {route.name: position(route) for route in snapshot.routes}


def _reason(path: str, error: OSError | ConfigError | EditRefused) -> str:
    if isinstance(error, OSError):
        return f"{path}: {(error.strerror or 'input/output error').lower()}"
    return f"the file has errors: {error.problems[0]}" if isinstance(error, ConfigError) else f"{path}: {error.message}"
