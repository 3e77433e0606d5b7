"""Real processes on chosen cores: started, waited for, always stopped. Only what it started is ever ended."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accounting import process_tree

STOP_SECONDS = 10.0
START_SECONDS = 20.0


class BenchmarkError(Exception):
    """Something the person at the terminal can act on; its text is shown without a traceback."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Where things run, in the form of `taskset --cpu-list`. The proxy has a core to itself."""

    proxy: str
    load: str


def choose_cores(available: Sequence[int]) -> Cores:
    """The first core for the proxy, the rest (two at most: load generator and upstream) for everything else."""
    if len(available) < 2:
        raise BenchmarkError(
            "two cores are needed, one for the proxy and one for load and upstream; this machine has 1"
        )
    return Cores(proxy=str(available[0]), load=",".join(str(core) for core in available[1:3]))


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def started(
    argv: Sequence[str | Path], *, cores: str, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `argv` pinned to `cores`, its output in `log`, for as long as the block lasts."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", cores, *map(str, argv)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask politely, then kill the whole tree, whose members are remembered from before."""
    if process.poll() is not None:
        return
    members = process_tree(process.pid)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def wait_until_serving(process: subprocess.Popen[bytes], port: int, path: str, body_bytes: int, *, log: Path) -> None:
    """Return when GET `path` is answered 200 with a body of `body_bytes`; otherwise say what was seen and logged."""
    deadline = time.monotonic() + START_SECONDS
    seen = "nothing listens yet"
    while time.monotonic() < deadline and process.poll() is None:
        try:
            status, length = fetch(port, path)
        except (OSError, http.client.HTTPException) as error:
            seen = str(error) or type(error).__name__
        else:
            if (status, length) == (200, body_bytes):
                return
            seen = f"status {status}, {length} bytes of body where {body_bytes} were expected"
        time.sleep(0.02)
    ended = "" if process.poll() is None else f" (it ended with status {process.returncode})"
    raise BenchmarkError(f"it does not serve {path}: {seen}{ended}{log_tail(log)}")


def fetch(port: int, path: str) -> tuple[int, int]:
    """GET `path` once: status and length of the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, len(response.read())
    finally:
        connection.close()


def log_tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log, ready to be appended to a message; empty when there are none."""
    try:
        last = log.read_text(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        last = []
    return "".join(f"\n    | {line}" for line in last)
