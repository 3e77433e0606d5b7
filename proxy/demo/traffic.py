"""Visitors: threads that ask for the same few things again and again, and note what each answer was.

They judge nothing; what they note is read by whoever started them.
"""

import http.client
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Self

from proxy.demo.web import Client


@dataclass(frozen=True, slots=True)
class Sample:
    """One request's fate. `status` is 0, and `problem` says why, when there was no whole answer."""

    path: str
    status: int
    side: str
    problem: str = ""

    @property
    def well(self) -> bool:
        return self.status == 200


class Traffic:
    """Visitors for as long as the block lasts."""

    def __init__(self, port: int, paths: Sequence[str], *, visitors: int, pause_seconds: float) -> None:
        self._port = port
        self._paths = paths
        self._pause_seconds = pause_seconds
        self._samples: SimpleQueue[Sample] = SimpleQueue()
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=(n,), daemon=True) for n in range(visitors)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Let every visitor finish the request it is at."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def drain(self) -> Iterator[Sample]:
        """What was noted since the last time."""
        while True:
            try:
                yield self._samples.get_nowait()
            except Empty:
                return

    def _visit(self, number: int) -> None:
        with Client(self._port) as client:
            turn = number
            while not self._ending.is_set():
                self._samples.put(_ask(client, self._paths[turn % len(self._paths)]))
                turn += 1
                self._ending.wait(self._pause_seconds)


def _ask(client: Client, path: str) -> Sample:
    try:
        answer = client.get(path)
    except (OSError, http.client.HTTPException) as error:
        return Sample(path, 0, "", str(error) or type(error).__name__)
    return Sample(path, answer.status, answer.side)
