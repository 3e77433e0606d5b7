"""What every step of the tour works on: a running system, its visitors, and the commands of an operator.

A step that does not see what it claims raises `StepFailed`; nothing is printed as true that was not looked at.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy import clock
from proxy.demo import page
from proxy.demo.errors import StepFailed
from proxy.demo.moves import Console
from proxy.demo.place import Place
from proxy.demo.system import System, environment
from proxy.demo.traffic import Sample, Traffic
from proxy.demo.web import Client

TAKEN_SECONDS = 60.0  # for what takes a second or two on a machine that is busy with nothing else
_NOT_MET = 1
_LOOK_EVERY_SECONDS = 0.1


@dataclass
class Scene:
    """A running system, and what its visitors were answered so far."""

    system: System
    client: Client
    console: Console
    traffic: Traffic
    samples: list[Sample] = field(default_factory=list)

    @property
    def place(self) -> Place:
        return self.system.place

    def strangler(self, *words: str, is_patient: bool = False) -> str:
        """Run a command as an operator would in the folder of routes.yaml, and print what it says; that, too.

        With `is_patient`, gates that are not met yet are asked again for a while, without a word.
        """
        until = clock.monotonic() + TAKEN_SECONDS
        while (done := _run(self.place, words)).returncode == _NOT_MET and is_patient and clock.monotonic() < until:
            self.system.parts.check()
        page.line(f"$ {shlex.join(('strangler', *words))}")
        page.block(done.stdout)
        if done.returncode:
            raise StepFailed(f"strangler {words[0]} succeeds", "exit code 0", f"{done.returncode}: {done.stdout}")
        return done.stdout

    def take(self) -> list[Sample]:
        """What visitors were answered since the last time; it is remembered."""
        new = list(self.traffic.drain())
        self.samples += new
        return new

    def wait_until(self, claim: str, expected: object, look: Callable[[], object]) -> None:
        """Raises `StepFailed` when it does not come to that, or `PartFailed` when a part ends meanwhile."""
        until = clock.monotonic() + TAKEN_SECONDS
        while (seen := look()) != expected:
            self.system.parts.check()
            if clock.monotonic() > until:
                raise StepFailed(claim, expected, seen)
            time.sleep(_LOOK_EVERY_SECONDS)


def _run(place: Place, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Its stdout has both streams."""
    try:
        return subprocess.run(  # noqa: S603 - our own interpreter and modules
            [sys.executable, "-m", "proxy", *words],
            cwd=place.folder,
            env=environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TAKEN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StepFailed(f"strangler {words[0]} ends", f"within {TAKEN_SECONDS:.0f} s", error.output) from None


def expect(claim: str, expected: object, seen: object) -> None:
    if expected != seen:
        raise StepFailed(claim, expected, seen)
