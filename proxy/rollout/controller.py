"""[IO] Rolls routes out: once a second it reads the gates of those at canary, has it decided, and has that done.

It decides nothing itself (`decide`), moves nothing itself (a `Mover` does), and waits for no hook and no Prometheus.
After a restart no step is repeated or left out, because the weight in the file says where a route stands. Whoever does
not hold the lease of the state folder only watches.
"""

import asyncio
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from proxy import clock
from proxy.config.model import Route, Stage
from proxy.config.moving import OnBreach
from proxy.config.values import format_share
from proxy.observability.windows import Answers
from proxy.rollout.book import Book, describe_all
from proxy.rollout.decide import Action, Breach, Finish, Hold, Step, decide, in_words, together
from proxy.rollout.hooks import Hooks, Log
from proxy.rollout.plan import plan_of, teams
from proxy.rollout.ports import Gatekeeper, GateReading, Move, Mover, MoveRefused, Position, Verb, position
from proxy.rollout.progress import Progress

WHO: Final = "rollout"
SAVE_SECONDS: Final = 5.0  # how much of a hold a kill -9 may cost
MAX_STUMBLES: Final = 100  # different mistakes of ours that are remembered as told


class Keeper(Protocol):
    """Remembers across restarts. Neither raises: what cannot be written is told, and kept in memory."""

    def load(self) -> dict[str, Progress]: ...

    def save(self, progress: Mapping[str, Progress]) -> None: ...


class Lease(Protocol):
    """Who of several moves routes by itself. `why` says why it is not held."""

    why: str

    def take(self) -> bool: ...


class Controller:
    """`leads`: whether it moves routes, or only watches. `baselines` are the gatekeeper's, and kept with the rest."""

    def __init__(
        self,
        *,
        gatekeeper: Gatekeeper,
        mover: Callable[[], Mover | None],
        keeper: Keeper,
        lease: Lease,
        hooks: Hooks,
        log: Log,
        baselines: dict[str, Answers],
        monotonic: Callable[[], float] = clock.monotonic,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.leads = False
        self._book = Book()
        self._gatekeeper = gatekeeper
        self._mover = mover
        self._keeper = keeper
        self._lease = lease
        self._hooks = hooks
        self._log = log
        self._baselines = baselines
        self._monotonic, self._now = monotonic, now
        self._routes: dict[str, Route] = {}
        self._complaint: str | None = None
        self._stumbled: set[str] = set()
        self._opened = False
        self._saved: tuple[float, object] = (0.0, None)

    def follow(self, routes: Iterable[Route]) -> None:
        """Go by these from now on."""
        self._routes = {route.name: route for route in routes}

    def describe(self) -> list[dict[str, Any]]:
        """Every route that rolls, or did, JSON-able."""
        return describe_all(self._routes.values(), self._book.progress)

    async def tick(self) -> None:
        """One look at every route at canary."""
        await self._lead()
        self._book.forget_all_but(self._routes)
        for team in teams(self._routes.values()):
            await self._turn_safely(team)
        if self.leads:
            await self._save()

    async def _lead(self) -> None:
        """Ask for the lease once a route rolls; go on from what is remembered, which another one may have written."""
        plans = map(plan_of, self._routes.values())
        leads = self.leads or (any(plan is not None and plan.rolls for plan in plans) and self._lease.take())
        if leads is not self.leads or not self._opened:
            await self._open()
        self.leads = leads

    async def _open(self) -> None:
        self._opened = True
        self._book.open(await asyncio.to_thread(self._keeper.load))
        self._saved = (self._monotonic(), self._decided())
        for name, one in self._book.progress.items():
            if one.baseline and name in self._routes and self._routes[name].stage in (Stage.CANARY, Stage.CUTOVER):
                self._baselines.setdefault(name, one.baseline)

    async def _turn_safely(self, team: Sequence[Route]) -> None:
        try:
            await self._turn(team)
        except Exception:  # our own mistake: it is told once, and other routes must be watched on
            exception = traceback.format_exc()
            if exception not in self._stumbled:
                self._log.failure("rollout_look_failed", routes=[one.name for one in team], exception=exception)
            self._stumbled = {*self._stumbled, exception} if len(self._stumbled) < MAX_STUMBLES else {exception}

    async def _turn(self, team: Sequence[Route]) -> None:
        """One look at routes that move together."""
        readings = {route.name: tuple(await self._gatekeeper.read_gates(route)) for route in team}
        actions = self._decide(team, readings)
        for route in team:
            name = route.name
            self._book.decided(name, actions[name], readings[name], self._baselines.get(name), self._monotonic())
            if not isinstance(actions[name], Step):
                self._hooks.forget(name)
        await self._act([(route, actions[route.name]) for route in team])

    def _decide(self, team: Sequence[Route], readings: Mapping[str, Sequence[GateReading]]) -> dict[str, Action]:
        now = self._monotonic()
        decided: dict[str, Action] = {}
        for route in team:
            plan = plan_of(route)
            assert plan is not None
            status = self._book.status(route, plan, now, self._now())
            decided[route.name] = decide(plan, status, readings[route.name], now)
            if plan.rolls and not self.leads:
                decided[route.name] = Hold(f"only watched: {self._lease.why}")
        return together(decided)

    async def _act(self, team: Sequence[tuple[Route, Action]]) -> None:
        """Do what was decided for routes that move together; of those with `dry_run`, say it."""
        steps: list[tuple[Route, Step]] = []
        breaches: list[tuple[Route, Breach]] = []
        for route, action in team:
            canary = route.moving.canary
            if isinstance(action, Hold):
                continue
            if isinstance(action, Finish):
                self._tell_once(route, "finish", "finished", action)
            elif isinstance(action, Breach) and action.do is OnBreach.ALERT:
                self._tell_once(route, f"breach {action.gate}", "alerted", action)
            elif canary is not None and canary.dry_run:
                key = f"step {action.weight}" if isinstance(action, Step) else f"breach {action.gate}"
                would = "step" if isinstance(action, Step) else "pause" if action.do is OnBreach.PAUSE else "roll back"
                self._tell_once(route, key, f"would {would} (dry_run)", action)
            elif isinstance(action, Step):
                steps.append((route, action))
            else:
                breaches.append((route, action))
        if breaches:
            await self._leave(breaches)
        elif steps:
            await self._step(steps)

    async def _step(self, steps: Sequence[tuple[Route, Step]]) -> None:
        """Ask the hooks, then raise the weights, all at once."""
        names = [route.name for route, _ in steps]
        verdicts = [self._ask_hook(route, step) for route, step in steps]
        if None in verdicts:
            for name in names:
                self._book.holds(name, "the hook before_step is asked")
            return
        for name in names:
            self._hooks.forget(name)
        problem = next((verdict for verdict in verdicts if verdict), None)
        moves = [self._raise(route, step) for route, step in steps]
        if problem is None and (problem := await self._make(moves)) is None:
            for move in moves:
                self._begin(move)
            return
        for name in names:
            if self._book.keep_back(name, problem, self._monotonic()):
                self._log.warning("rollout_kept_back", route=name, detail=problem)

    def _ask_hook(self, route: Route, step: Step) -> str | None:
        """Why it may not be, empty when it may, None while that is not known."""
        hooks = route.moving.hooks
        if hooks.before_step is None:
            return ""
        body = {
            "route": route.name,
            "from": position(route).weight,
            "to": step.weight,
            "readings": self._readings(route),
        }
        return self._hooks.before_step(route.name, hooks.before_step, hooks.timeout.total_seconds(), body)

    def _raise(self, route: Route, step: Step) -> Move:
        because = f"all gates hold at {format_share(position(route).weight or 0.0)}"
        return self._move(route, Verb.PROMOTE, Position(Stage.CANARY, step.weight), because)

    def _begin(self, move: Move) -> None:
        """The hold of the step that was made. Should the file say another weight, another one begins."""
        assert move.after.weight is not None
        did = f"{format_share(move.before.weight or 0.0)} → {format_share(move.after.weight)}"
        self._book.begin(move.route, move.after.weight, self._monotonic(), self._now())
        self._book.note(move.route, did, move.because, self._now())
        self._log.info("rollout_step", route=move.route, step=did, because=move.because)

    async def _leave(self, breaches: Sequence[tuple[Route, Breach]]) -> None:
        """Roll back, or pause, all at once. What is refused is tried again at the next tick."""
        moves = [self._back(route, breach) for route, breach in breaches]
        if await self._make(moves) is not None:
            return
        for (route, breach), move in zip(breaches, moves, strict=True):
            did = "paused" if breach.do is OnBreach.PAUSE else "rolled back"
            self._book.left(move, did, self._now())
            self._log.warning("rollout_left", route=route.name, did=did, because=move.because)
            if breach.do is OnBreach.ROLLBACK:
                self._tell_hook(route, move)

    def _back(self, route: Route, breach: Breach) -> Move:
        if breach.do is OnBreach.PAUSE:
            return self._move(
                route, Verb.PAUSE, Position(Stage.CANARY, position(route).weight, paused=True), in_words(breach)
            )
        return self._move(route, Verb.ROLLBACK, Position(Stage.LEGACY), in_words(breach))

    def _tell_hook(self, route: Route, move: Move) -> None:
        hooks = route.moving.hooks
        if hooks.after_rollback is not None:
            body = {
                "route": route.name,
                "from": move.before.weight,
                "because": move.because,
                "readings": self._readings(route),
            }
            self._hooks.after_rollback(route.name, hooks.after_rollback, hooks.timeout.total_seconds(), body)

    def _move(self, route: Route, verb: Verb, after: Position, because: str) -> Move:
        gates = [{key: value for key, value in one.items() if value is not None} for one in self._readings(route)]
        return Move(route.name, verb, position(route), after, WHO, because, {"gates": gates})

    def _readings(self, route: Route) -> list[Mapping[str, Any]]:
        return self._book.readings(route.name)

    async def _make(self, moves: Sequence[Move]) -> str | None:
        """Make them, or say why not."""
        mover = self._mover()
        if mover is None:
            return self._complain(moves, "nothing here can move a route")
        try:
            await mover.move(moves)
        except MoveRefused as refused:
            return self._complain(moves, refused.message)
        except Exception:  # our own mistake: other routes must be watched on
            exception = traceback.format_exc()
            return self._complain(moves, "it could not be moved; the log says why", exception=exception)
        self._complaint = None
        return None

    def _complain(self, moves: Sequence[Move], why: str, **more: str) -> str:
        """A move that is refused again and again is told once."""
        routes = [move.route for move in moves]
        if self._complaint != f"{routes} {why}":
            self._log.failure("rollout_move_refused", routes=routes, detail=why, **more)
        self._complaint = f"{routes} {why}"
        return why

    def _tell_once(self, route: Route, key: str, did: str, action: Action) -> None:
        """Say it in the log and the notes, once for a step."""
        if self._book.is_news(route.name, key):
            self._book.note(route.name, did, in_words(action), self._now())
            self._log.warning("rollout_told", route=route.name, did=did, because=in_words(action))

    async def _save(self) -> None:
        """Whatever was decided, at once; how far a hold has come, now and then."""
        now, decided, progress = self._monotonic(), self._decided(), self._book.progress
        held = any(one.weight is not None for one in progress.values())
        if decided != self._saved[1] or (held and now - self._saved[0] >= SAVE_SECONDS):
            self._saved = (now, decided)
            await asyncio.to_thread(self._keeper.save, dict(progress))

    def _decided(self) -> object:
        return [(name, one.weight, one.doing, one.notes, one.told) for name, one in self._book.progress.items()]
