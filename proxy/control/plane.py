"""The control plane of one server: which snapshot serves, and how the next one takes its place.

A file is compiled first, then sent to every worker; only when none refuses does it become the one that serves. A bad
file changes nothing but what is said about it. Nothing here waits on, or is waited for by, a request.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from proxy import clock
from proxy.config.codec import dump_snapshot
from proxy.config.errors import ConfigError, Problem
from proxy.config.model import ListenTls, Snapshot
from proxy.control.comparing import Comparing
from proxy.control.endpoints_file import Keeper, read_known
from proxy.control.folder import write_atomically
from proxy.control.handovers import Handovers
from proxy.control.hub import Answer, Hub
from proxy.control.launch import Launch
from proxy.control.mover import FileMover
from proxy.control.overridden_file import OverriddenFile
from proxy.control.rolling import Rolling
from proxy.control.traffic import TrafficKeeper
from proxy.forwarding.endpoint_watch import EndpointWatch
from proxy.forwarding.known_endpoints import Known
from proxy.observability.log import Log
from proxy.rollout.ports import Gatekeeper

ACK_SECONDS = 2.0

Load = Callable[[], Awaitable[Snapshot]]
"""Reads and compiles the file, aside from the event loop. Raises `ConfigError`, or `OSError`."""


@dataclass(frozen=True, slots=True)
class Active:
    """The snapshot that serves, its encoded form, and since when (seconds since 1970)."""

    snapshot: Snapshot
    text: str
    since: float


@dataclass(frozen=True, slots=True)
class Reload:
    """What came of a reload: which revision serves, and what was wrong. `late` workers did not answer in time."""

    revision: str
    changed: bool = False
    problems: tuple[Problem, ...] = ()
    late: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Family:
    """What the supervisor says about the processes."""

    draining: bool = False
    control_restarts: int = 0
    worker_restarts: tuple[int, ...] = ()


class ControlPlane:
    """State of the control process. `ask_supervisor` carries a wish, and what it is about, to the supervisor."""

    def __init__(
        self, launch: Launch, active: Active, hub: Hub, load: Load, *, ask_supervisor: Callable[..., None], log: Log
    ) -> None:
        self.launch = launch
        self.hub = hub
        self.active = active
        self.problems: tuple[Problem, ...] = ()
        self.family = Family(worker_restarts=(0,) * launch.workers)
        self._load = load
        self._ask_supervisor = ask_supervisor
        self._log = log
        self._one_at_a_time = asyncio.Lock()
        self._watching = False
        self._keeper = Keeper(launch.folder, active.snapshot.state_dir)
        known = read_known(launch.folder, active.snapshot.state_dir)
        self.endpoints = EndpointWatch(self._publish_endpoints, log, known)
        self.comparing = Comparing(hub, active.snapshot, log)
        self.file: OverriddenFile | None = None  # what `load` reads; told when what it gave serves
        self.mover: FileMover | None = None
        self.rolling = Rolling(hub, self.comparing, active.snapshot, log, lambda: self.mover)
        self.gatekeeper: Gatekeeper = self.rolling
        self.handovers: Handovers | None = None
        self.traffic = TrafficKeeper(active.snapshot.state_dir, launch.started_at, hub.may_count, log)
        hub.take_traffic = self.traffic.take
        hub.settle_on(active.snapshot.revision, active.text)

    @property
    def ready(self) -> bool:
        """Whether this server should be sent requests."""
        return not self.family.draining and bool(self.hub.peers())

    @property
    def config_error(self) -> str | None:
        """Why the file as it is now is not the one that serves."""
        if not self.problems:
            return None
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        return f"{self.problems[0]}{more}"

    def certificate_files(self) -> list[str]:
        """Files that workers read by themselves, and read again when their content changes."""
        snapshot = self.active.snapshot
        tls = snapshot.listen.tls
        authorities = [upstream.tls.ca for upstream in snapshot.upstreams.values() if upstream.tls.ca]
        return list(dict.fromkeys([*((tls.certificate, tls.key) if tls else ()), *authorities]))

    def rolling_restart(self) -> None:
        self._ask_supervisor("rolling_restart")

    def replace_worker(self, generation: int) -> None:
        """Let another worker take the place of one that does not answer."""
        self._ask_supervisor("replace", generation=generation)

    def close_left(self, routes: Sequence[str]) -> None:
        """End tunnels and event streams of the side that these routes have just left."""
        self.hub.close_left(routes)

    async def watch_endpoints(self) -> None:
        """Discover and probe endpoints until cancelled."""
        self.endpoints.follow(self.active.snapshot)
        self._watching = True
        try:
            await self._keeper.run()
        finally:
            self._watching = False
            self.endpoints.stop()

    def _publish_endpoints(self, known: dict[str, Known]) -> None:
        self.hub.settle_on_endpoints(known)
        self._keeper.keep(known)

    async def reload(self, trigger: str) -> Reload:
        """Read everything again and let it serve if it can. Returns once every connected worker has answered."""
        async with self._one_at_a_time:
            try:
                snapshot = await self._load()
            except ConfigError as error:
                return self._refuse(trigger, error.problems)
            except OSError as error:
                return self._refuse(trigger, [Problem(None, f"{self.launch.config}: {error.strerror or error}")])
            except Exception as error:  # our own mistake on an unforeseen file: what serves must go on
                self._log.failure("load_failed", exception=traceback.format_exc())
                return self._refuse(trigger, [Problem(None, f"{self.launch.config}: could not be used: {error!r}")])
            if problems := needs_restart(self.active.snapshot, snapshot):
                return self._refuse(trigger, problems)
            changed = snapshot.revision != self.active.snapshot.revision
            if changed and (problems := _problems(await self._replace(snapshot))):
                return self._refuse(trigger, problems)
            if self.file is not None:
                await asyncio.to_thread(self.file.settle)
            answers = await self.hub.reload_certificates(within_seconds=ACK_SECONDS)
            self.endpoints.renew_tls()
            if problems := _problems(answers):
                return self._refuse(trigger, problems, changed=changed)
            return self._took(trigger, answers, changed=changed)

    async def swap(self, make: Callable[[Snapshot], Snapshot], trigger: str) -> Reload:
        """Let something else serve than the file says: what `make` makes of that which does. The file is not read."""
        async with self._one_at_a_time:
            answers = await self._replace(make(self.active.snapshot))
            revision = self.active.snapshot.revision
            if problems := _problems(answers):
                return Reload(revision, problems=tuple(problems))
            late = _late(answers)
            self._log.info("swapped", trigger=trigger, revision=revision, workers=len(answers), late=list(late))
            return Reload(revision, changed=True, late=late)

    async def _replace(self, snapshot: Snapshot) -> list[Answer]:
        """Let every worker swap to `snapshot`, or none, if one of them has a problem with it."""
        text = (await asyncio.to_thread(dump_snapshot, snapshot)).decode()
        answers = await self.hub.push(text, within_seconds=ACK_SECONDS)
        if _problems(answers):
            await self.hub.push(self.active.text, within_seconds=ACK_SECONDS)  # back, where it was taken
            return answers
        self.active = Active(snapshot, text, clock.now().timestamp())
        self.hub.settle_on(snapshot.revision, text)
        self.comparing.follow(snapshot)
        self.rolling.follow(snapshot)
        if self._watching:
            self.endpoints.follow(snapshot)
        try:
            await asyncio.to_thread(write_atomically, self.launch.snapshot_file, text.encode())
        except OSError as error:  # a worker that starts begins with the one before, and is sent this one at once
            self._log.warning("snapshot_not_kept", file=str(self.launch.snapshot_file), detail=str(error))
        return answers

    def _refuse(self, trigger: str, problems: Sequence[Problem], *, changed: bool = False) -> Reload:
        self.problems = tuple(problems)
        serving = self.active.snapshot.revision
        self._log.failure("reload_refused", trigger=trigger, serving=serving, problems=[str(each) for each in problems])
        return Reload(serving, changed=changed, problems=self.problems)

    def _took(self, trigger: str, answers: Sequence[Answer], *, changed: bool) -> Reload:
        self.problems = ()
        if not changed:
            self.active = replace(self.active, since=clock.now().timestamp())
        late = _late(answers)
        result = Reload(self.active.snapshot.revision, changed=changed, late=late)
        event = "reloaded" if changed else "reload_unchanged"
        self._log.info(event, trigger=trigger, revision=result.revision, workers=len(answers), late=list(late))
        return result


def read_active(launch: Launch, decode: Callable[[bytes], Snapshot]) -> Active:
    """What was served when the process before this one ended, or what the supervisor read at the start."""
    path: Path = launch.snapshot_file
    data = path.read_bytes()
    return Active(decode(data), data.decode(), path.stat().st_mtime)


def needs_restart(old: Snapshot, new: Snapshot) -> list[Problem]:
    """What a running server cannot change: sockets are bound once, and processes know where they are."""
    settings = (
        ("listen.public", old.listen.public, new.listen.public),
        ("listen.console", old.listen.console, new.listen.console),
        ("listen.tls", _files(old.listen.tls), _files(new.listen.tls)),
        ("state", old.state_dir, new.state_dir),
    )
    return [
        Problem(
            None,
            f"{name} changed from {before} to {after}: this needs a restart",
            "the running server keeps all of the old file",
        )
        for name, before, after in settings
        if before != after
    ]


def _files(tls: ListenTls | None) -> str:
    return "none" if tls is None else f"{tls.certificate} and {tls.key}"


def _late(answers: Sequence[Answer]) -> tuple[int, ...]:
    return tuple(answer.worker for answer in answers if answer.late)


def _problems(answers: Sequence[Answer]) -> list[Problem]:
    """Each distinct complaint once: workers mostly complain alike."""
    return [Problem(None, text) for text in dict.fromkeys(text for answer in answers for text in answer.problems)]
