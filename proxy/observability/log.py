"""What the server says about itself: one JSON object a line, on stderr.

Every line has `time`, `level`, `process`, `event`; the rest are facts of that event. A line is written in one piece, so
that lines of several processes do not mix. A log that cannot be written must never stop the program, and nothing a
client sent (heads, cookies, tokens) is passed to it.
"""

import json
import logging
import os
import select
import sys
from typing import TextIO

from proxy import clock


class Log:
    """Writes events of one process; `process` is supervisor, control, worker-0, ..."""

    def __init__(self, process: str, stream: TextIO | None = None) -> None:
        self._process = process
        self._stream = sys.stderr if stream is None else stream
        self._dropped = 0  # lines that nobody took, since the last one that somebody did

    def info(self, event: str, **fields: object) -> None:
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._write("warning", event, fields)

    def failure(self, event: str, **fields: object) -> None:
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        time = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time, "level": level, "process": self._process, "event": event, "pid": os.getpid(), **fields}
        if not _takes_a_line(self._stream):
            self._dropped += 1
            return
        if self._dropped:
            line["lines_dropped_before"], self._dropped = self._dropped, 0
        try:
            self._stream.write(json.dumps(line, default=str, ensure_ascii=False) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # a closed pipe or a full disk: the proxy's work goes on


def _takes_a_line(stream: TextIO) -> bool:
    """Whether writing would return at once: not so for a full pipe whose reader has stopped, or a halted terminal."""
    poll = select.poll()
    try:
        poll.register(stream.fileno(), select.POLLOUT)
    except (OSError, ValueError):  # in memory, or closed
        return True
    return bool(poll.poll(0))


class JsonHandler(logging.Handler):
    """Turns warnings and errors of libraries (uvicorn, asyncio) into lines of ours."""

    def __init__(self, log: Log, level: int = logging.WARNING) -> None:
        super().__init__(level)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, object] = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = logging.Formatter().formatException(record.exc_info)
        write = self._log.failure if record.levelno >= logging.ERROR else self._log.warning
        write("library", **fields)


def adopt_library_logs(log: Log) -> None:
    """Send what libraries log to `log`, and nowhere else."""
    logging.getLogger().handlers[:] = [JsonHandler(log)]
