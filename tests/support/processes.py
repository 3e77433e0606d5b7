"""Real processes for tests: started on free ports, waited for, ended for sure, their output at hand when they fail.

A process is only ever addressed by the handle that started it. It dies with the test run, even when that is killed.
"""

import contextlib
import ctypes
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""

PATIENCE_S = 90.0
"""How long to wait for what must come. A test that passes never waits for so long."""
HELD_S = 2 * PATIENCE_S
"""How long an upstream waits to be told to go on: longer than anybody waits for what happens meanwhile."""

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class NotReadyError(Exception):
    """A process ended, or stayed silent, before it was ready; the message carries its output."""


def _ports_of_this_run() -> Iterator[int]:
    """None of those that the kernel hands out by itself, and others in each of the runs side by side: a port stays free
    until the process that is to listen on it does."""
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    every = range(12_000, 65_536)
    ports = [port for port in every if not first <= port <= last] or every  # a kernel may hand out all there are
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    ours = ports[worker::8]
    return itertools.cycle([*ours[(begin := random.randrange(len(ours))) :], *ours[:begin]])


_PORTS = _ports_of_this_run()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now, and that is given to nobody else soon."""
    for port in _PORTS:
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            return port
    raise AssertionError("the cycle never ends")


def is_listening(port: int, host: str = "127.0.0.1") -> bool:
    """Somebody accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=5.0):
        return True
    return False


def strangler() -> list[str]:
    """The command line of the product's own program, in this interpreter's environment."""
    return [str(Path(sys.executable).parent / "strangler")]


class Process:
    """A started process. `output` is everything it wrote, standard output and error together."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self._popen = popen
        self._log = log
        self._name = log.stem

    @classmethod
    def start(
        cls, command: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT
    ) -> Self:
        """Start `command`. `env` is added to this process's environment; output goes to the file `log`."""
        with log.open("wb") as sink:
            popen = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                preexec_fn=_end_with_parent,
            )
        return cls(popen, log)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def wait_until(self, ready: Callable[[], bool], *, within: float = PATIENCE_S) -> Self:
        """Ask `ready` again and again until it holds. Raises `NotReadyError` when the process ends or time is up."""
        until = time.monotonic() + within
        while not ready():
            if self.returncode is not None:
                raise NotReadyError(f"{self._name} ended with {self.returncode}:\n{self.output[-4000:]}")
            if time.monotonic() > until:
                raise NotReadyError(f"{self._name} not ready after {within} s:\n{self.output[-4000:]}")
            time.sleep(0.01)
        return self

    def wait_for_port(self, port: int, *, within: float = PATIENCE_S) -> Self:
        return self.wait_until(lambda: is_listening(port), within=within)

    def wait_for_output(self, text: str, *, within: float = PATIENCE_S) -> Self:
        return self.wait_until(lambda: text in self.output, within=within)

    def send_signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def wait(self, *, within: float = PATIENCE_S) -> int:
        """Wait for its end; its return code. Raises `subprocess.TimeoutExpired`."""
        return self._popen.wait(within)

    def stop(self, *, within: float = PATIENCE_S) -> int:
        """Ask it to end (SIGTERM), insist after `within` seconds (SIGKILL); its return code."""
        if self.returncode is None:
            self._popen.terminate()
            try:
                self._popen.wait(within)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        return self._popen.wait()


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    *,
    port: int,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    within: float = PATIENCE_S,
) -> Iterator[Process]:
    """A process that listens on `port` for as long as the block lasts. Raises `NotReadyError`."""
    process = Process.start(command, log=log, env=env, cwd=cwd)
    try:
        yield process.wait_for_port(port, within=within)
    finally:
        process.stop()


def _end_with_parent() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # one that comes before the program must not be lost on a handler
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
