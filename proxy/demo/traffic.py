"""Visitors: threads in which customers ask for the same few things again and again, and what each answer was.

They judge nothing; what they note is read by whoever started them.
"""

import http.client
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Self

from proxy.demo.web import Client

CUSTOMER = "X-Customer"
"""The header by which the demo's routes.yaml tells one customer from another."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request's fate. `status` is 0, and `problem` says why, when there was no whole answer."""

    customer: str
    path: str
    status: int
    side: str
    problem: str = ""

    @property
    def well(self) -> bool:
        return self.status == 200


class Traffic:
    """Visitors for as long as the block lasts. A customer asks one thing at a time."""

    def __init__(
        self, port: int, paths: Sequence[str], customers: Sequence[str], *, visitors: int, pause_seconds: float
    ) -> None:
        self._port = port
        self._paths = paths
        self._pause_seconds = pause_seconds
        self._samples: SimpleQueue[Sample] = SimpleQueue()
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._visit, args=(customers[n::visitors],), daemon=True) for n in range(visitors)
        ]

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

    def _visit(self, customers: Sequence[str]) -> None:
        """Each customer asks for everything, then it is the next one's turn."""
        with Client(self._port) as client:
            while True:
                for customer in customers:
                    for path in self._paths:
                        if self._ending.wait(self._pause_seconds):
                            return
                        self._samples.put(_ask(client, customer, path))


def _ask(client: Client, customer: str, path: str) -> Sample:
    try:
        answer = client.ask("GET", path, headers={CUSTOMER: customer})
    except (OSError, http.client.HTTPException) as error:
        return Sample(customer, path, 0, "", str(error) or type(error).__name__)
    return Sample(customer, path, answer.status, answer.side)
