"""What every step of the tour works on: a running system, and the one way to edit its routes.

A step that does not see what it claims raises `StepFailed`; nothing is printed as true that was not looked at.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy import clock
from proxy.demo import page
from proxy.demo.errors import StepFailed
from proxy.demo.moves import Console, Move, Seen, moves
from proxy.demo.place import Place
from proxy.demo.system import System
from proxy.demo.traffic import Sample
from proxy.demo.web import Client

TAKEN_SECONDS = 30.0


@dataclass
class Scene:
    """A running system, and what was seen of it."""

    system: System
    client: Client
    console: Console
    seen: Seen
    history: list[Move] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    @property
    def place(self) -> Place:
        return self.system.place

    def read_routes(self) -> str:
        return self.place.routes_file.read_text(encoding="utf-8")

    def move(self, routes: Sequence[str], stage: str, *, is_shown: bool = True) -> None:
        """Edit the stages of these routes in one go, show or say what is edited, and wait until it serves."""
        before = after = self.read_routes()
        for route in routes:
            after = at_stage(after, route, stage)
        changed = sum(old != new for old, new in zip(before.splitlines(), after.splitlines(), strict=True))
        expect("a line for each route is edited", len(routes), changed)
        if is_shown:
            page.difference(before, after, "routes.yaml")
        else:
            page.line(f"routes.yaml: {', '.join(routes)} at stage {stage}")
        new = self._save(after)
        expect("only these moved", [(route, stage) for route in routes], [(move.route, move.after) for move in new])
        self.history += new

    def _save(self, text: str) -> list[Move]:
        began = clock.monotonic()
        self.place.routes_file.write_text(text, encoding="utf-8")
        while (now := self.console.look()).revision == self.seen.revision:
            self.system.parts.check()
            if now.problem or clock.monotonic() - began > TAKEN_SECONDS:
                raise StepFailed("the edited file is taken", "another revision", now.problem or "no reload")
            time.sleep(0.02)
        page.line(f"Saved, and serving {clock.monotonic() - began:.1f} s later: revision {now.revision}", fg="green")
        moved, self.seen = list(moves(self.seen, now)), now
        return moved


def at_stage(text: str, route: str, stage: str) -> str:
    """The text of a routes.yaml with one route's stage replaced."""
    before, name, after = text.partition(f"- name: {route}\n")
    start = after.index("stage: ")
    return before + name + after[:start] + f"stage: {stage}" + after[after.index("\n", start) :]


def expect(claim: str, expected: object, seen: object) -> None:
    if expected != seen:
        raise StepFailed(claim, expected, seen)
