"""[IO] A capture as tests: one for each of its routes, one subtest for each exchange.

The file is read as a stream, once to learn its routes and once for each of them, so that its size is no matter. What
writes is skipped unless the test run allows it: a capture may have been taken from a system that is still used.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proxy.comparison.capture_file import read_capture
from proxy.comparison.capture_format import BadCapture
from proxy.wire.exchange import Exchange
from proxy.wire.head import SAFE


class NoRecording(Exception):
    """The capture cannot be read; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The exchanges of one route, to be given to a test one after the other."""

    path: Path
    route: str | None
    subtests: pytest.Subtests
    allow_writes: bool

    def run(self, test: Callable[..., object], arguments: dict[str, Any]) -> None:
        """Calls `test` for every exchange, as a subtest of its own."""
        if inspect.iscoroutinefunction(test):
            pytest.fail("recorded_exchange: an async test cannot be run once for each exchange", pytrace=False)
        for number, exchange in enumerate(self._exchanges(), 1):
            asked = f"{exchange.request.method} {exchange.request.target}"
            with self.subtests.test(msg=asked, exchange=number):
                if exchange.request.method not in SAFE and not self.allow_writes:
                    pytest.skip("a write: --strangler-allow-writes sends it to both sides")
                test(**{**arguments, "recorded_exchange": exchange})

    def _exchanges(self) -> Iterator[Exchange]:
        return (exchange for exchange in _read(self.path) if exchange.route == self.route)


def routes_of(path: Path) -> list[str | None]:
    """The routes of a capture in the order of their first exchange. None stands for what no route claimed."""
    return list(dict.fromkeys(exchange.route for exchange in _read(path)))


def _read(path: Path) -> Iterator[Exchange]:
    try:
        yield from read_capture(path, lambda _: None)  # that a recording was killed is no matter of a test's
    except BadCapture as error:
        raise NoRecording(f"{error}{f' ({error.hint})' if error.hint else ''}") from None
    except OSError as error:
        raise NoRecording(f"{path}: {(error.strerror or 'input/output error').lower()}") from None
