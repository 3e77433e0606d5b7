"""Measures the gates of routes: what workers counted, what was compared, what Prometheus says, over one window each.

It decides nothing. Where it looks is given to it; nothing here waits for a worker, a file or a network.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, Protocol

from proxy import clock
from proxy.comparison.difference import Kind
from proxy.comparison.noise import HIDDEN, Reading
from proxy.comparison.recent import Pairs
from proxy.comparison.tally import Group, rules_name
from proxy.comparison.verdict import WHOLE, Counts, FieldCounts, judge
from proxy.config.model import Route, Stage
from proxy.config.moving import GateKind
from proxy.observability.metrics import Totals
from proxy.observability.windows import Answers, Seen, Sides, Windows, read_sides
from proxy.rollout.checks import Matches, Measured, Unknown, check, unmeasured
from proxy.rollout.ports import GateReading, position
from proxy.rollout.prometheus import Numbers

MEASURED: Final = frozenset({Stage.SHADOW, Stage.CANARY})
"""Stages from which gates are asked whether a route may go on."""


class Sources(Protocol):
    """Where it looks."""

    def totals(self) -> tuple[Totals, Totals]:
        """What is counted, and what of that had been counted before anybody looked."""
        ...

    def pairs(self, group: Group, seconds: float) -> Pairs | None:
        """What was compared of a route under its rules in the last `seconds`; None while nothing is."""
        ...

    def long_counts(self, route: str) -> Counts | None:
        """What its comparisons came to in a day, for what is known of noise; None when it cannot be read."""
        ...


class Measurer:
    """A Gatekeeper. `follow` says of which routes, `look` is called once a second."""

    def __init__(
        self,
        sources: Sources,
        numbers: Numbers,
        monotonic: Callable[[], float] = clock.monotonic,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.baselines: dict[str, Answers] = {}  # what the monolith answered when it last did enough
        self._sources = sources
        self._numbers = numbers
        self._monotonic, self._now = monotonic, now
        self._windows = Windows()
        self._routes: dict[str, Route] = {}

    def follow(self, routes: Iterable[Route]) -> None:
        """Measure these from now on. A route that has changed its stage, or was resumed, begins anew."""
        before, routes = self._routes, tuple(routes)
        stages = {route.name: route.stage for route in routes}
        self._routes = {route.name: route for route in routes if route.stage in MEASURED}
        moved = {name for name, route in self._routes.items() if name in before and _begins_anew(before[name], route)}
        windows = {name: route.moving.gates.window.total_seconds() for name, route in self._routes.items()}
        self._windows.follow({name: seconds for name, seconds in windows.items() if name not in moved})
        self._windows.follow(windows)
        for name in [name for name in self.baselines if stages.get(name) not in (*MEASURED, Stage.CUTOVER)]:
            del self.baselines[name]

    def look(self) -> None:
        """Note what is counted by now, and ask for the numbers that are due."""
        if not self._routes:
            return
        now = self._monotonic()
        totals, begun = self._sources.totals()
        before = read_sides(begun, self._routes)
        self._windows.note(now, {name: _since(sides, before[name])
                                 for name, sides in read_sides(totals, self._routes).items()})  # fmt: skip
        gates = [gate for route in self._routes.values() for gate in route.moving.gates.gates]
        self._numbers.refresh((gate for gate in gates if gate.kind is GateKind.CUSTOM), now)
        for route in self._routes.values():
            self._keep_baseline(route)

    async def read_gates(self, route: Route) -> Sequence[GateReading]:
        """Every gate of the route, but for those that only a later stage can show, over its window up to the last look.

        Where nothing can be measured yet, every gate is unmeasured."""
        return self.read(route)

    def read(self, route: Route) -> tuple[GateReading, ...]:
        if route.stage not in MEASURED:
            return unmeasured(route.moving.gates, f"nothing is measured at {route.stage}")
        gates, seen = route.moving.gates, self._windows.seen(route.name)
        now = self._monotonic()
        return check(
            gates,
            Measured(
                service=_service(route, seen),
                legacy=self._legacy(route, seen),
                matches=self._matches(route, seen),
                custom={gate.name: self._numbers.of(gate, now) for gate in gates.gates if gate.kind is GateKind.CUSTOM},
                partial=_partial(route, seen),
            ),
        )

    def _legacy(self, route: Route, seen: Seen | None) -> Answers | Unknown:
        """The monolith's answers; its last ones when it answers nobody any more."""
        found = seen.sides.legacy if seen else Answers()
        if _is_split(route) or found.requests >= max(1, _least(route)):
            return found
        return self.baselines.get(route.name) or Unknown(
            "the monolith answers nobody, and did not while it was watched"
        )

    def _keep_baseline(self, route: Route) -> None:
        seen = self._windows.seen(route.name)
        if _is_split(route) and seen and seen.whole and seen.sides.legacy.requests >= max(1, _least(route)):
            self.baselines[route.name] = seen.sides.legacy

    def _matches(self, route: Route, seen: Seen | None) -> Matches | Unknown:
        """No pair is older than the window: it began anew when the route came to its stage."""
        seconds = min(route.moving.gates.window.total_seconds(), seen.seconds if seen else 0.0)
        pairs = self._sources.pairs((route.name, rules_name(route, self._now().date())), seconds)
        if pairs is None or route.shadow is None:
            return Unknown("nothing is compared")
        counts = self._sources.long_counts(route.name)
        if counts is None:
            return Unknown("what is noise cannot be read from the state store")
        return judge_pairs(pairs, counts, route.shadow.sample * route.compare.sample)


def judge_pairs(pairs: Pairs, known: Counts, sampled: float) -> Matches | Unknown:
    """Pairs of a window, less what is noise by all that is `known` of the primary's own differences.

    Where the primary often differs from itself as a whole, noise would hide anything. A hiccup in a day hides nothing.
    """
    noise = {(field.path, field.kind.value): field.noise for field in known.fields}
    fields = [FieldCounts(Kind(kind), path, raw, noise.get((path, kind), 0))
              for (path, kind), raw in pairs.by_field().items()]  # fmt: skip
    own = [field for field in known.fields if field.noise and (field.path, field.kind.value) not in pairs.by_field()]
    fields += [FieldCounts(field.kind, field.path, 0, field.noise) for field in own]
    found = judge(Counts(pairs.compared, known.again, pairs.undecided, fields))
    whole = [one for one in found.of(Reading.NOISE) if one.path in WHOLE and one.noise.share > HIDDEN]
    if whole:
        return Unknown(f"the primary's own {whole[0].path} differs in {whole[0].noise.count} of {known.again} times")
    if pairs.undecided > pairs.compared:
        return Unknown(f"{pairs.undecided} pairs could not be judged, {pairs.compared} could")
    real, unclear = ({(one.path, one.kind.value) for one in found.of(kind)} for kind in (Reading.REAL, Reading.UNCLEAR))
    where = f", mostly in {found.fields[0].path}" if found.fields and found.fields[0].raw.count else ""
    return Matches(pairs.compared, pairs.count(real | unclear), pairs.count(real), sampled, where)


def _since(sides: Sides, before: Sides) -> Sides:
    """What was counted under our eyes. Where that cannot be, all of it: the window begins anew then."""
    legacy, service = sides.legacy.since(before.legacy), sides.service.since(before.service)
    return Sides(legacy, service) if legacy is not None and service is not None else sides


def _service(route: Route, seen: Seen | None) -> Answers | Unknown:
    if route.stage is Stage.SHADOW:
        return Unknown("the service answers nobody yet")
    return seen.sides.service if seen else Answers()


def _partial(route: Route, seen: Seen | None) -> str:
    window = route.moving.gates.window.total_seconds()
    if seen is not None and seen.whole:
        return ""
    return f"measured for {seen.seconds if seen else 0:.0f} s of {window:g} s"


def _begins_anew(before: Route, now: Route) -> bool:
    """A person who resumes has judged what was measured; by the same answers it would be paused again at once."""
    return before.stage != now.stage or (position(before).paused and not position(now).paused)


def _is_split(route: Route) -> bool:
    """Whether both sides answer users."""
    canary = route.moving.canary
    return route.stage is Stage.CANARY and canary is not None and canary.weight < 1


def _least(route: Route) -> int:
    return next((int(gate.limit.number) for gate in route.moving.gates.gates if gate.kind is GateKind.SAMPLES), 0)
