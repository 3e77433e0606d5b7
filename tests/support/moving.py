"""A routes.yaml that moves: what serves it in tests of moves, without workers; and ports that were told what to say."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from proxy.config.errors import ConfigError, Problem
from proxy.config.model import Route, Snapshot, Stage
from proxy.control.lone_file import Answer, Said
from proxy.control.mover import FileMover
from proxy.control.overridden_file import OverriddenFile
from proxy.observability.log import Log
from proxy.rollout.ports import GateReading, HandoverOrder, Move, Moved, MoveRefused, Position, Verb, position
from tests.support.routes_yaml import BASE

ROUTES = """\
routes:
  # the cart
  - name: cart
    match: GET /cart
    to: orders   # soon
    stage: shadow   # since spring
  - { name: stock, match: GET /stock, to: orders, stage: cutover, group: shop }
  - { name: pages, match: GET /pages/**, to: orders, stage: legacy, group: shop }
"""
FILE = BASE + ROUTES


class Serving:
    """Serves what the file says, and what holds beside it. `refuses`: what its workers say to any other snapshot."""

    def __init__(self, folder: Path, text: str = FILE, *, private: Path | None = None) -> None:
        self.path = folder / "routes.yaml"
        self.path.write_text(text)
        self.output = io.StringIO()
        log = Log("control", self.output)
        self.file = OverriddenFile(str(self.path), {}, private=None if private is None else str(private), log=log)
        self.active = Said(self.file.load())
        self.file.settle()
        self.mover = FileMover(self, self.file, log)
        self.gatekeeper: Gates | None = None
        self.handovers: Handing | None = None
        self.refuses = ""
        self.late: tuple[int, ...] = ()
        self.closed_left: list[str] = []
        self.before_reload: Callable[[], None] = lambda: None

    async def reload(self, _trigger: str) -> Answer:
        self.before_reload()
        try:
            snapshot = self.file.load()
        except ConfigError as error:
            return Answer(error.problems)
        if self.refuses and snapshot.revision != self.active.snapshot.revision:
            return Answer((Problem(None, self.refuses),))
        self.active = Said(snapshot)
        self.file.settle()
        return Answer(late=self.late)

    async def swap(self, make: Callable[[Snapshot], Snapshot], _trigger: str) -> Answer:
        if self.refuses:
            return Answer((Problem(None, self.refuses),))
        self.active = Said(make(self.active.snapshot))
        return Answer()

    def close_left(self, routes: Sequence[str]) -> None:
        self.closed_left += routes

    def restarted(self) -> "Serving":
        """Another server, on the same files."""
        return Serving(self.path.parent, self.path.read_text())

    def place(self, route: str) -> Position:
        return position(next(each for each in self.active.snapshot.routes if each.name == route))

    def edit(self, old: str, new: str) -> None:
        """A person does."""
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))

    def move_of(self, route: str, stage: Stage, verb: Verb = Verb.PROMOTE, **more: object) -> Move:
        here = self.place(route)
        found = Move(route, verb, here, replace(here, stage=stage, weight=None), "ann", "it is time")
        return replace(found, **more)  # type: ignore[arg-type]


@dataclass
class Gates:
    """Measures what it was given, by route."""

    readings: dict[str, Sequence[GateReading]]
    asked: list[str] = field(default_factory=list)

    async def read_gates(self, route: Route) -> Sequence[GateReading]:
        self.asked.append(route.name)
        return self.readings.get(route.name, ())


@dataclass
class Handing:
    """Hands over what it is asked to, or says why not."""

    refusal: MoveRefused | None = None
    refusals: dict[str, MoveRefused] = field(default_factory=dict)  # by a route of the circle
    busy: frozenset[str] = frozenset()
    asked: list[tuple[list[str], Stage, str, str]] = field(default_factory=list)
    forced: bool = False
    evidence: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def moving(self) -> frozenset[str]:
        return self.busy

    async def hand_over(self, order: HandoverOrder) -> Moved:
        self.asked.append(([route.name for route in order.routes], order.to, order.who, order.because))
        self.forced, self.evidence = order.force, {**self.evidence, **order.evidence}
        for each in (self.refusal, *(self.refusals.get(route.name) for route in order.routes)):
            if each:
                raise each
        return Moved("handed-over", "-old\n+new")
