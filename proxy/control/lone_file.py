"""A routes.yaml that no server serves: what the control plane is to a move, for the command line alone.

Moves are made in the file and in the ledger. Nothing is measured, nothing is handed over, and there is no override:
whoever starts next goes by the file.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from proxy.config.errors import ConfigError, Problem
from proxy.config.model import Snapshot
from proxy.control.mover import FileMover
from proxy.control.overridden_file import OverriddenFile
from proxy.observability.log import Log
from proxy.rollout.ports import Gatekeeper, Handovers


@dataclass(frozen=True, slots=True)
class Said:
    """What the file says, with the overrides that the next server would find."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of reading it again."""

    problems: tuple[Problem, ...] = ()
    late: tuple[int, ...] = ()


class LoneFile:
    """Raises ConfigError for a file with errors, when made."""

    gatekeeper: Gatekeeper | None = None
    handovers: Handovers | None = None

    def __init__(self, path: str, environ: Mapping[str, str], log: Log) -> None:
        self.file = OverriddenFile(path, environ, private=None, log=log)
        self.active = Said(self.file.load())
        self.file.settle()
        self.mover = FileMover(self, self.file, log, may_override=False)

    def close_left(self, _routes: Sequence[str]) -> None:
        """Nothing is under way where nobody serves."""

    async def reload(self, _trigger: str) -> Answer:
        try:
            self.active = Said(await asyncio.to_thread(self.file.load))
        except ConfigError as error:
            return Answer(error.problems)
        self.file.settle()
        return Answer()

    async def swap(self, _make: Callable[[Snapshot], Snapshot], _trigger: str) -> Answer:
        return Answer((Problem(None, "no server runs"),))
