"""One process the supervisor started: how it is started, what it reports, how it ends.

A child reports over a socket of its own (`serving`, or a wish of the operator); it never outlives the supervisor.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

from proxy import clock
from proxy.control.link import Decoder, LinkError, Message, encode

_PR_SET_PDEATHSIG = 1
_READ_BYTES = 65536


class Child:
    """A started process and our end of its report socket."""

    def __init__(self, process: subprocess.Popen[bytes], reports: socket.socket, generation: int) -> None:
        self.process = process
        self.reports = reports
        self.generation = generation
        self.started = clock.monotonic()
        self.serving = False
        self.kill_at: float | None = None  # on the monotonic clock; set once it has been asked to end
        self.killed = False
        self._decoder = Decoder()

    def __repr__(self) -> str:
        return f"Child(pid={self.process.pid}, generation={self.generation}, serving={self.serving})"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def lived_seconds(self) -> float:
        return clock.monotonic() - self.started

    def read_reports(self) -> list[Message] | None:
        """What it has reported since; None when it will report no more."""
        try:
            data = self.reports.recv(_READ_BYTES)
            return list(self._decoder.feed(data)) if data else None
        except BlockingIOError:
            return []
        except (OSError, LinkError):
            return None

    def tell(self, message: Message) -> None:
        """Send a message; one that does not listen is left alone, it will be seen to end."""
        with contextlib.suppress(OSError):
            self.reports.send(encode(message))

    def kill(self) -> None:
        self.killed = True
        self.process.kill()

    def end(self, *, within_seconds: float) -> None:
        """Ask it to end (SIGTERM); `kill` is due `within_seconds` later."""
        if self.kill_at is None:
            self.kill_at = clock.monotonic() + within_seconds
            self.process.terminate()


def start(
    command: Sequence[str],
    *,
    generation: int,
    environ: Mapping[str, str],
    inherited: Mapping[str, Sequence[socket.socket]],
) -> Child:
    """Start `command` with its file descriptors as options: `--NAME FD,FD`. Raises `OSError`."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    descriptors = {"report-fd": [theirs.fileno()]}
    descriptors |= {name: [each.fileno() for each in sockets] for name, sockets in inherited.items()}
    options = [f"--{name}={','.join(map(str, numbers))}" for name, numbers in descriptors.items()]
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            [*command, f"--generation={generation}", f"--parent={os.getpid()}", *options],
            stdin=subprocess.DEVNULL,
            pass_fds=[number for numbers in descriptors.values() for number in numbers],
            env=dict(environ),
            process_group=0,  # Ctrl-C in a terminal is for the supervisor, which then drains in order
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return Child(process, ours, generation)


def end_with_parent(parent: int) -> None:
    """In the child: be sent SIGTERM when the supervisor ends, even by kill -9. Ends the process if it has already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)


def adopt_sockets(descriptors: str) -> list[socket.socket]:
    """In the child: the inherited sockets of an option like `5,6`."""
    return [socket.socket(fileno=int(number)) for number in descriptors.split(",")]
