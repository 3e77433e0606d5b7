"""Moves routes by the stage that routes.yaml gives them: edits the file, and lets it serve."""

import asyncio
from collections.abc import Sequence

from proxy.config.edit import EditRefused, route_location, set_scalar
from proxy.config.edit_file import open_for_edit, write_edited
from proxy.config.errors import ConfigError
from proxy.control.plane import ControlPlane
from proxy.rollout.ports import Move, Moved, MoveRefused


class StageMover:
    """`proxy.rollout.ports.Mover` for moves that only change a stage."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    async def move(self, moves: Sequence[Move]) -> Moved:
        try:
            await asyncio.to_thread(_edit, self._plane.launch.config, moves)
        except (OSError, ConfigError, EditRefused) as error:
            raise MoveRefused(str(error)) from None
        result = await self._plane.reload("move")
        if result.problems:
            raise MoveRefused(str(result.problems[0]))
        return Moved(result.revision, "")


def _edit(path: str, moves: Sequence[Move]) -> None:
    opened = open_for_edit(path)
    text = opened.text
    for move in moves:
        text = set_scalar(text, (*route_location(text, move.route), "stage"), move.after.stage.value)
    write_edited(opened, text)
