"""Makes moves: in routes.yaml, or beside it where it cannot be written; in every worker; then in the ledger.

One move at a time. The file is written first and served then, so that a crash in between ends with what the file says.
A move that lessens what the service gets waits for nothing: where the file is broken, or is no longer to be edited,
it holds beside it. The ledger is written last, and no move depends on it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from proxy import clock
from proxy.config.errors import Problem
from proxy.config.model import Snapshot
from proxy.control.edited_file import Edited, edit, positions, put_back, write
from proxy.control.overridden_file import OverriddenFile
from proxy.control.override_store import Survives
from proxy.observability.log import Log
from proxy.rollout import ledger
from proxy.rollout.file_edit import unified
from proxy.rollout.moves import told
from proxy.rollout.overrides import Override
from proxy.rollout.ports import Move, Moved, MoveRefused, position


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
        edited = await asyncio.to_thread(edit, self._file, moves)
        if edited.why_not:
            raise MoveRefused(edited.why_not)
        return await asyncio.to_thread(unified, edited.before, edited.text, self._file.path)

    async def move(self, moves: Sequence[Move], *, from_anywhere: bool = False) -> Moved:
        """All of them at once. Returns when every connected worker goes by them. Raises MoveRefused.

        `from_anywhere`: a route that has moved in the meantime comes back from where it is now.
        """
        async with self._one_at_a_time:
            moves, notes = self._from_here(moves, from_anywhere)
            if not moves:
                return Moved(self._serving.active.snapshot.revision, "", notes=tuple(notes))
            edited, more = await asyncio.to_thread(write, self._file, moves), list[str]()
            if not edited.why_not:
                edited, more = await self._serve(moves, edited)
            if edited.why_not:
                more = await self._hold_beside(moves, edited.why_not)
                moves = [replace(each, evidence={**each.evidence, "beside_the_file": edited.why_not}) for each in moves]
            revision = self._serving.active.snapshot.revision
            for each in moves:
                places = {"before": ledger.place_as_json(each.before), "after": ledger.place_as_json(each.after)}
                self._log.info("moved", route=each.route, verb=each.verb, who=each.who, revision=revision, **places)
            notes += [*more, *await asyncio.to_thread(self._note_down, moves, revision)]
            diff = await asyncio.to_thread(unified, edited.before, edited.text, self._file.path)
            return Moved(revision, diff, override=bool(edited.why_not), notes=tuple(notes))

    # What must hold

    def _from_here(self, moves: Sequence[Move], from_anywhere: bool) -> tuple[list[Move], list[str]]:
        """The moves from where their routes are by now, and what is to be told of that. Raises MoveRefused.

        One that is there already needs none. One that writes holds to its place: its writing may have moved with it.
        """
        routes = {route.name: route for route in self._serving.active.snapshot.routes}
        found, notes = list[Move](), list[str]()
        for each in moves:
            route = routes.get(each.route)
            now = position(route) if route else None
            if now == each.before:
                found.append(each)
                continue
            if not (from_anywhere and each.is_back) or (route and route.moving.writes):
                hint = "look where it stands, and try again"
                raise MoveRefused(f'route "{each.route}" has moved in the meantime', hint)
            notes.append(f'route "{each.route}" had moved in the meantime: {told(now) if now else "it is gone"}')
            rebased = replace(each, before=now, after=replace(each.after, paused=now.paused)) if now else None
            found += [rebased] if rebased and rebased.is_back else []
        return found, notes

    def _has_arrived(self, moves: Sequence[Move]) -> bool:
        here = positions(self._serving.active.snapshot)
        return all(here.get(each.route) == each.after for each in moves)

    # In the file

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
        became = await asyncio.to_thread(put_back, edited)
        problems = "; ".join(map(str, result.problems)) or "the file was changed again in the meantime"
        if all(each.is_back for each in moves):
            return Edited(why_not=f"{problems} ({became})"), []
        await self._serving.reload("move")
        raise MoveRefused(f"it is not served: {problems}", became)

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
        beside = f"it holds beside the file, as drift: {why}"
        kept = self._file.kept
        lost = [] if kept is Survives.STATE else [f"it survives {kept.value}: it could not be kept"]
        return [beside, *lost, *_late(result)]

    # In the ledger

    def _note_down(self, moves: Sequence[Move], revision: str) -> list[str]:
        path = Path(self._serving.active.snapshot.state_dir, ledger.FILE)
        now, notes = clock.now(), list[str]()
        try:
            ledger.append(
                path, [ledger.entry_of(each, revision, now) for each in moves], broken_at=now, tell=notes.append
            )
        except ledger.LedgerUnwritable as error:
            notes.append(f"the move stands, and is not in the ledger: {error}")
        for said in notes:
            self._log.failure("ledger", detail=said, routes=[each.route for each in moves])
        return notes


def _late(result: _Reload) -> list[str]:
    return [f"not yet confirmed by worker {', '.join(map(str, result.late))}"] if result.late else []
