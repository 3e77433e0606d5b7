"""The demo's processes: started in an order, watched, ended in the opposite one.

A part never outlives the demo, even one that is killed, and a Ctrl-C in the terminal reaches only the demo, which then
ends its parts in order.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from proxy import clock
from proxy.demo.errors import PartFailed

STOP_SECONDS = 15.0
TAIL_LINES = 12
_LOOK_EVERY_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1


class Part:
    """One process, and the file that has all it wrote."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("ab") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=dict(environ),
                process_group=0,
                preexec_fn=_end_with_demo,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])

    def ask_to_end(self) -> None:
        if self.ended is None:
            self._process.terminate()

    def stop(self) -> None:
        """Let it end in order; by force when it takes too long, or when we are interrupted once more."""
        try:
            self.ask_to_end()
            self._process.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self._process.kill()
            self._process.wait()


class Parts:
    """The parts that must live for as long as the demo does."""

    def __init__(self) -> None:
        self._parts: list[Part] = []

    def start(self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path) -> Part:
        part = Part(name, command, environ, log)
        self._parts.append(part)
        return part

    def check(self) -> None:
        """Raises `PartFailed` when one has ended."""
        for part in self._parts:
            if part.ended is not None:
                raise PartFailed(f"{part.name} ended by itself ({_said(part.ended)})", part.tail())

    def run(self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path, *, within: float) -> None:
        """Run a command to its end. Raises `PartFailed` when it fails, or when a part does meanwhile."""
        part = Part(name, command, environ, log)
        try:
            self.wait_until(lambda: part.ended is not None, part, within=within)
        finally:
            part.stop()
        if part.ended:
            raise PartFailed(f"{name} failed ({_said(part.ended)})", part.tail())

    def wait_until(self, ready: Callable[[], bool], part: Part, *, within: float) -> None:
        """Raises `PartFailed` when a part ends, or when `ready`, which is about `part`, does not come true in time."""
        until = clock.monotonic() + within
        while not ready():
            self.check()
            if clock.monotonic() > until:
                raise PartFailed(f"{part.name} was not ready after {within:.0f} s", part.tail())
            time.sleep(_LOOK_EVERY_SECONDS)

    def tails(self) -> str:
        """The last lines of every part's log."""
        return "\n".join(f"{part.name}, its last lines:\n{part.tail()}" for part in self._parts)

    def stop(self) -> None:
        """The last one, which stands before the others, first; then all others at once."""
        for part in self._parts[-1:]:
            part.stop()
        for part in self._parts:
            part.ask_to_end()
        for part in self._parts:
            part.stop()


def _said(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _end_with_demo() -> None:
    """In the child, before it becomes its program: be told to end when the demo ends, however it does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            os._exit(0)  # it has ended already
