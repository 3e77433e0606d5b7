"""Signals as bytes on a socket, so that a loop can wait for them together with everything else."""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def wakeup(numbers: Sequence[signal.Signals]) -> Iterator[socket.socket]:
    """A non-blocking socket that receives the number of every signal, one byte each. Main thread only."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    before = {number: signal.signal(number, _nothing) for number in numbers}
    before_fd = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield ours
    finally:
        signal.set_wakeup_fd(before_fd)
        for number, handler in before.items():
            signal.signal(number, handler)
        ours.close()
        theirs.close()


def on_terminal() -> bool:
    """Whether stderr is a terminal that is still there; a closed one no longer counts as one."""
    try:
        return os.isatty(sys.stderr.fileno())
    except (OSError, ValueError):
        return False


def _nothing(_number: int, _frame: object) -> None:
    """The wake-up socket tells; a handler must only exist, else the signal's default would end the process."""
