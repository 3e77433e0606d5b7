"""The demo's processes: started in an order, watched, started again if need be, ended in the opposite order.

A part never outlives the demo, even one that is killed, and a Ctrl-C in the terminal reaches only the demo, which then
ends its parts in order.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple, Self

from proxy import clock
from proxy.demo.errors import PartFailed

STOP_SECONDS = 15.0
TAIL_LINES = 12
TRUSTED_AFTER_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1


class Layer(IntEnum):
    """What stands on what. A layer is ended when all above it have."""

    FOUNDATION = 0
    SHOP = 1
    FRONT = 2


class Job(NamedTuple):
    """What to run under which name, and the file for all it writes."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path


class Part:
    """One process of a job."""

    def __init__(self, job: Job, layer: Layer, folder: Path | None = None) -> None:
        self.job = job
        self.name = job.name
        self.layer = layer
        self._log = job.log
        self._started = clock.monotonic()
        with job.log.open("ab") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules, and what the demo needs
                job.command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=dict(job.environ),
                cwd=folder,
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

    def has_ended(self) -> bool:
        return self.ended is not None

    def is_older_than(self, seconds: float) -> bool:
        return clock.monotonic() - self._started > seconds

    def how_it_ended(self) -> str:
        return _said(self.ended or 0)

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
    """The parts that must live for as long as the demo does; as a block, until its end."""

    def __init__(self, *, trusted_after_seconds: float = TRUSTED_AFTER_SECONDS) -> None:
        self._parts: list[Part] = []
        self._trusted_after_seconds = trusted_after_seconds

    def start(self, job: Job, layer: Layer = Layer.SHOP, *, folder: Path | None = None) -> Part:
        """In `folder`, or where we are."""
        with _uninterrupted():
            part = Part(job, layer, folder)
            self._parts.append(part)
        return part

    def find(self, name: str) -> Part:
        return next(part for part in self._parts if part.name == name)

    def check(self) -> None:
        """Raises `PartFailed` when one has ended."""
        for part in self._parts:
            if part.ended is not None:
                raise PartFailed(f"{part.name} ended by itself ({part.how_it_ended()})", part.tail())

    def let_go(self) -> list[Part]:
        """Members of the shop that had lived for a while and have ended: no parts any more. Otherwise as `check`."""
        aged = [part for part in self._parts if part.is_older_than(self._trusted_after_seconds)]
        gone = [part for part in aged if part.layer is Layer.SHOP and part.has_ended()]
        self._parts = [part for part in self._parts if part not in gone]
        self.check()
        return gone

    def run(self, *jobs: Job, within: float, layer: Layer = Layer.SHOP, folder: Path | None = None) -> None:
        """Run commands to their ends, side by side. Raises `PartFailed` when one of them fails, or a part ends."""
        with contextlib.ExitStack() as stack:
            running = []
            for job in jobs:
                with _uninterrupted():
                    part = Part(job, layer, folder)
                    stack.callback(part.stop)
                running.append(part)
            for part in running:
                self.wait_until(part.has_ended, part, within=within)
                if part.ended:
                    raise PartFailed(f"{part.name} failed ({part.how_it_ended()})", part.tail())

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
        """Layer by layer, each all at once: what stands before or upon others ends before them."""
        for layer in sorted(Layer, reverse=True):
            parts = [part for part in self._parts if part.layer is layer]
            for part in parts:
                part.ask_to_end()
            for part in parts:
                part.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """What would end the demo waits for the end of the block: a process that was started is known, and is ended too."""
    heard: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    handled = {number: handler for number, handler in before.items() if callable(handler)}
    for number in handled:
        signal.signal(number, lambda number, _: heard.append(number))
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
        if heard:
            signal.raise_signal(heard[0])


def _said(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _end_with_demo() -> None:
    """In the child, before it becomes its program: be told to end when the demo ends, however it does."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the demo's own handler would swallow what comes before the program
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            os._exit(0)  # it has ended already
