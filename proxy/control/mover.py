"""Makes moves: in routes.yaml, or beside it where it cannot be written; in every worker; then in the ledger.

One move at a time. The file is written first and served then, so that a crash in between ends with what the file says.
A move that lessens what the service gets waits for nothing: where the file is broken, or is no longer to be edited,
it holds beside it. The ledger is written last, and no move depends on it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from proxy import clock
from proxy.config.edit import EditRefused
from proxy.config.edit_file import OpenedFile, Unwritable, open_for_edit, write_edited
from proxy.config.errors import ConfigError, Problem
from proxy.config.model import Snapshot
from proxy.config.source import load_content
from proxy.control.overridden_file import OverriddenFile
from proxy.control.override_store import Kept
from proxy.observability.log import Log
from proxy.rollout import ledger
from proxy.rollout.file_edit import Change, edit_routes, unified
from proxy.rollout.overrides import Override
from proxy.rollout.ports import Move, Moved, MoveRefused, Position, position

TRIES = 3  # to write a file that others write too


class _Reload(Protocol):
    @property
    def problems(self) -> tuple[Problem, ...]: ...
    @property
    def late(self) -> tuple[int, ...]: ...


class _Active(Protocol):
    @property
    def snapshot(self) -> Snapshot: ...


class Serving(Protocol):
    """Whoever serves what the file says: the control plane, or nobody yet."""

    @property
    def active(self) -> _Active: ...
    def reload(self, trigger: str) -> Awaitable[_Reload]: ...
    def swap(self, make: Callable[[Snapshot], Snapshot], trigger: str) -> Awaitable[_Reload]: ...


@dataclass(frozen=True, slots=True)
class Edited:
    """An edit, written or not. `why_not` says why the file is not to be had; then nothing was edited."""

    opened: OpenedFile | None = None
    text: str = ""
    why_not: str = ""

    @property
    def before(self) -> str:
        return self.opened.text if self.opened else ""


class FileMover:
    """`may_override`: whether anything serves that could go by an override."""

    def __init__(self, serving: Serving, file: OverriddenFile, log: Log, *, may_override: bool = True) -> None:
        self._serving = serving
        self._file = file
        self._log = log
        self._may_override = may_override
        self._one_at_a_time = asyncio.Lock()

    async def catch_up(self) -> None:
        """Let what was written into the file a moment ago serve, before anybody decides on what serves."""
        if not await asyncio.to_thread(self._is_current):
            await self._serving.reload("move")

    def _is_current(self) -> bool:
        try:
            return self._file.current is not None and Path(self._file.path).read_bytes() == self._file.current.content
        except OSError:
            return False

    async def preview(self, moves: Sequence[Move]) -> str:
        """The diff that the moves would make. Raises MoveRefused."""
        edited = await asyncio.to_thread(self._edit, moves)
        if edited.why_not:
            raise MoveRefused(edited.why_not)
        return unified(edited.before, edited.text, self._file.path)

    async def move(self, moves: Sequence[Move]) -> Moved:
        """All of them at once. Returns when every connected worker goes by them. Raises MoveRefused."""
        async with self._one_at_a_time:
            self._check_places(moves)
            edited, notes = await asyncio.to_thread(self._write, moves), list[str]()
            if not edited.why_not:
                edited, notes = await self._serve(moves, edited)
            if edited.why_not:
                notes = await self._hold_beside(moves, edited.why_not)
                moves = [replace(each, evidence={**each.evidence, "beside_the_file": edited.why_not}) for each in moves]
            revision = self._serving.active.snapshot.revision
            for each in moves:
                places = {"before": ledger.place_as_json(each.before), "after": ledger.place_as_json(each.after)}
                self._log.info("moved", route=each.route, verb=each.verb, who=each.who, revision=revision, **places)
            notes += await asyncio.to_thread(self._note_down, moves, revision)
            diff = "" if edited.why_not else unified(edited.before, edited.text, self._file.path)
            return Moved(revision, diff, override=bool(edited.why_not), notes=tuple(notes))

    # What must hold

    def _check_places(self, moves: Sequence[Move]) -> None:
        here = _positions(self._serving.active.snapshot)
        for each in moves:
            if here.get(each.route) != each.before:
                raise MoveRefused(
                    f'route "{each.route}" has moved in the meantime', "look where it stands, and try again"
                )

    def _has_arrived(self, moves: Sequence[Move]) -> bool:
        here = _positions(self._serving.active.snapshot)
        return all(here.get(each.route) == each.after for each in moves)

    # In the file

    def _write(self, moves: Sequence[Move]) -> Edited:
        for _ in range(TRIES):
            edited = self._edit(moves)
            if edited.opened is None or edited.text == edited.before:
                return edited
            try:
                write_edited(edited.opened, edited.text)
            except Unwritable as error:
                return Edited(why_not=error.message)
            except EditRefused:
                continue  # somebody else was faster: what they wrote is read, and edited
            return edited
        why = f"{self._file.path} was changed by somebody else again and again"
        if all(each.is_back for each in moves):
            return Edited(why_not=why)
        raise MoveRefused(why, "try again when it is left alone")

    def _edit(self, moves: Sequence[Move]) -> Edited:
        """The file as it is now, and as it is to be. Raises MoveRefused."""
        waits_for_nothing = all(each.is_back for each in moves)
        try:
            opened = open_for_edit(self._file.path)
            says = _positions(load_content(opened.data, self._file.path, self._file.environ))
            if not waits_for_nothing:
                self._check_unchanged(moves, says)
            changes = [
                Change(each.route, says.get(each.route, each.before), each.after, each.respond) for each in moves
            ]
            text = edit_routes(opened.text, changes)
        except (OSError, ConfigError, EditRefused) as error:
            why = _reason(self._file.path, error)
            if waits_for_nothing:
                return Edited(why_not=why)
            raise MoveRefused(why, "mend the file, or edit it by hand") from None
        try:
            load_content(text.encode(), self._file.path, self._file.environ)
        except ConfigError as error:
            raise MoveRefused(f"the file would have errors: {error.problems[0]}") from None
        return Edited(opened, text)

    def _check_unchanged(self, moves: Sequence[Move], says: dict[str, Position]) -> None:
        """What a person has just written of these routes, and nobody serves yet, is not written over."""
        served = _positions(self._file.current.snapshot) if self._file.current else says
        for each in moves:
            if says.get(each.route) != served.get(each.route):
                raise MoveRefused(f'route "{each.route}" was changed in the file in the meantime', "try again")

    async def _serve(self, moves: Sequence[Move], edited: Edited) -> tuple[Edited, list[str]]:
        """Let the file serve as it now is, and what is to be told of that. Put it back where it is refused."""
        overrides = self._file.overrides
        self._file.put((), without=[each.route for each in moves])
        result = await self._serving.reload("move")
        if self._has_arrived(moves):
            if self._file.overrides != overrides:
                await asyncio.to_thread(self._file.keep)
            return edited, [*_late(result), *map(str, result.problems)]
        self._file.overrides = overrides
        put_back = await asyncio.to_thread(self._put_back, edited)
        problems = "; ".join(map(str, result.problems)) or "the file was changed again in the meantime"
        if all(each.is_back for each in moves):
            return Edited(why_not=f"{problems} ({put_back})"), []
        await self._serving.reload("move")
        raise MoveRefused(f"it is not served: {problems}", put_back)

    def _put_back(self, edited: Edited) -> str:
        """What became of the file."""
        if edited.opened is None or edited.text == edited.before:
            return "nothing has changed"
        try:
            write_edited(OpenedFile(edited.opened.path, edited.text.encode()), edited.before)
        except EditRefused as error:
            return f"the file still has the move: {error.message}"
        return "the file is as it was"

    # Beside the file

    async def _hold_beside(self, moves: Sequence[Move], why: str) -> list[str]:
        if not self._may_override or any(each.respond for each in moves):
            raise MoveRefused(why, "nothing has changed")
        before = self._file.overrides
        at = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._file.put([Override(each.route, each.after, "", at, each.who, each.because) for each in moves])
        result = await self._serving.reload("move")
        if not self._has_arrived(moves):  # the file cannot serve: the last good one does
            result = await self._serving.swap(self._file.beside, "move")
        if not self._has_arrived(moves):
            self._file.overrides = before
            raise MoveRefused(f"it is not served: {'; '.join(map(str, result.problems))}", "nothing has changed")
        await asyncio.to_thread(self._file.keep)
        routes = [each.route for each in moves]
        self._log.failure("moved_beside_the_file", routes=routes, why=why, survives=self._file.kept.value)
        told = f"it holds beside the file, as drift: {why}"
        lost = [] if self._file.kept is Kept.STATE else [f"it survives {self._file.kept.value}: it could not be kept"]
        return [told, *lost, *_late(result)]

    # In the ledger

    def _note_down(self, moves: Sequence[Move], revision: str) -> list[str]:
        path = Path(self._serving.active.snapshot.state_dir, ledger.FILE)
        now, told = clock.now(), list[str]()
        try:
            ledger.append(
                path, [ledger.entry_of(each, revision, now) for each in moves], broken_at=now, tell=told.append
            )
        except ledger.LedgerUnwritable as error:
            told.append(f"the move stands, and is not in the ledger: {error}")
        for said in told:
            self._log.failure("ledger", detail=said, routes=[each.route for each in moves])
        return told


def _positions(snapshot: Snapshot) -> dict[str, Position]:
    return {route.name: position(route) for route in snapshot.routes}


def _late(result: _Reload) -> list[str]:
    return [f"not yet confirmed by worker {', '.join(map(str, result.late))}"] if result.late else []


def _reason(path: str, error: OSError | ConfigError | EditRefused) -> str:
    if isinstance(error, OSError):
        return f"{path}: {(error.strerror or 'input/output error').lower()}"
    return f"the file has errors: {error.problems[0]}" if isinstance(error, ConfigError) else f"{path}: {error.message}"
