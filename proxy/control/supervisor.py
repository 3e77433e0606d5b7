"""Starts the control process and the workers, starts again what ends by itself, and ends all of them in order.

It holds the listening sockets and owns the signals: SIGHUP reloads, SIGUSR2 restarts workers one by one, SIGTERM and
SIGINT drain, a second one ends at once. It must stay small enough never to fail: it reads no request, no file of the
user after the start, and runs no event loop.
"""

import contextlib
import selectors
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from enum import Enum

from proxy import clock
from proxy.config.model import Listen
from proxy.control.child import Child
from proxy.control.link import Message
from proxy.control.signals import on_terminal, wakeup
from proxy.control.slot import Slot
from proxy.control.spawner import Spawner
from proxy.observability.log import Log

SUCCESSOR_SECONDS = 30.0  # a new worker that does not serve within it is given up
GRACE_SECONDS = 5.0  # beyond drain_timeout, which the workers keep themselves
_SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGUSR2, signal.SIGCHLD)


class Phase(Enum):
    """What the server as a whole is doing; the order is that of its life."""

    STARTING = "starting"
    SERVING = "serving"
    DELAYING = "delaying"  # /readyz says 503, requests are still accepted
    DRAINING = "draining"  # workers answer what they have
    CLOSING = "closing"  # workers are gone, the control process ends


class Supervisor:
    """One running `strangler serve`.

    `read_listen` gives the drain times of the snapshot that serves; `announce` is called once, when all serve.
    """

    def __init__(
        self,
        workers: int,
        spawner: Spawner,
        *,
        log: Log,
        read_listen: Callable[[], Listen],
        announce: Callable[[], None],
    ) -> None:
        self._spawner = spawner
        self._log = log
        self._read_listen = read_listen
        self._announce = announce
        self._control = Slot("control")
        self._workers = [Slot(f"worker-{number}", number) for number in range(workers)]
        self._rolling: deque[Slot] = deque()
        self._phase = Phase.STARTING
        self._drain_at = 0.0
        self._drain_timeout = timedelta(0)
        self._generation = 0
        self._reload_wanted = False
        self._exit_code: int | None = None
        self._selector = selectors.DefaultSelector()
        self._had_terminal = on_terminal()

    def run(self) -> int:
        """Serve until ended. The exit code: 0 after a drain, 1 or 2 when a child could not start, 128 + signal."""
        with wakeup(_SIGNALS) as signals, self._selector:
            self._selector.register(signals, selectors.EVENT_READ)
            try:
                for slot in self._slots():
                    self._start(slot)
                while self._exit_code is None:
                    ready = self._selector.select(self._seconds_to_next_timer())
                    self._on_signals(signals)
                    for key, _ in ready:
                        if key.data is not None:
                            self._on_reports(*key.data)
                    self._reap()
                    self._step()
            finally:
                self._kill_all()
        return self._exit_code or 0

    def _slots(self) -> Iterator[Slot]:
        yield self._control
        yield from self._workers

    # Children

    def _start(self, slot: Slot, *, successor: bool = False) -> None:
        slot.start_at = None
        self._generation += 1
        try:
            is_control = slot is self._control
            spawner, generation = self._spawner, self._generation
            child = spawner.control(generation) if is_control else spawner.worker(slot.number, generation)
        except OSError as error:
            delay, slot.backoff = slot.backoff.after(0)
            slot.start_at = None if successor else clock.monotonic() + delay
            self._log.failure("start_failed", child=slot.name, error=str(error), retry_seconds=delay)
            return
        if successor:
            slot.successor = child
        else:
            slot.current = child
        self._selector.register(child.reports, selectors.EVENT_READ, (slot, child))
        self._tell_control()
        if is_control and self._reload_wanted:
            self._reload()

    def _reap(self) -> None:
        for slot in self._slots():
            for child in list(slot.children()):
                if child.process.poll() is not None:
                    self._on_end(slot, child, child.process.returncode)

    def _on_end(self, slot: Slot, child: Child, code: int) -> None:
        self._on_reports(slot, child)
        self._forget_reports(child)
        child.reports.close()
        expected = child.kill_at is not None
        if slot.successor is child and not expected:
            self._rolling.clear()
            self._log.failure("rolling_restart_stopped", child=slot.name, exit_code=code, detail="the old one goes on")
        delay = slot.lose(child)
        if not expected:
            self._log.failure("child_ended", child=slot.name, child_pid=child.pid, exit_code=code, retry_seconds=delay)
        if self._phase is Phase.STARTING:
            self._exit_code = 2 if code == 2 else 1
        self._tell_control()

    def _kill_all(self) -> None:
        children = [child for slot in self._slots() for child in slot.children()]
        for child in children:
            child.process.kill()
        for child in children:
            child.process.wait()
            child.reports.close()

    # What children report

    def _on_reports(self, slot: Slot, child: Child) -> None:
        messages = child.read_reports()
        if messages is None:
            self._forget_reports(child)
            return
        for message in messages:
            self._on_report(slot, child, message)

    def _forget_reports(self, child: Child) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(child.reports)

    def _on_report(self, slot: Slot, child: Child, message: Message) -> None:
        match message["type"]:
            case "serving":
                child.serving = True
                if child is slot.successor:
                    self._replace(slot)
                self._tell_control()
            case "rolling_restart":
                self._roll()
            case "replace":
                self._roll_one(message["generation"])

    def _tell_control(self) -> None:
        if self._control.current is None:
            return
        self._control.current.tell(
            {
                "type": "children",
                "draining": self._phase in {Phase.DELAYING, Phase.DRAINING, Phase.CLOSING},
                "control_restarts": self._control.restarts,
                "restarts": [slot.restarts for slot in self._workers],
                "generations": [child.generation for slot in self._workers for child in slot.children()],
            }
        )

    # Signals

    def _on_signals(self, signals: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in signals.recv(4096):
                match number:
                    case signal.SIGHUP if self._had_terminal and not on_terminal():
                        self._end(number)  # the terminal was closed
                    case signal.SIGHUP:
                        self._reload()
                    case signal.SIGUSR2:
                        self._roll()
                    case signal.SIGTERM | signal.SIGINT:
                        self._end(number)

    def _reload(self) -> None:
        self._reload_wanted = self._control.current is None
        if self._control.current is not None:
            self._control.current.tell({"type": "reload"})

    def _roll(self) -> None:
        if self._phase is Phase.SERVING and not self._rolling:
            self._log.info("rolling_restart", workers=len(self._workers))
            self._rolling.extend(self._workers)

    def _roll_one(self, generation: int) -> None:
        """Replace one worker, which does not answer; no effect when it has been replaced, or will be."""
        for slot in self._workers:
            silent = slot.current is not None and slot.current.generation == generation
            if silent and self._phase is Phase.SERVING and slot not in self._rolling:
                self._log.warning("worker_replaced", child=slot.name, detail="it does not answer the control process")
                self._rolling.append(slot)

    def _end(self, number: int) -> None:
        if self._phase not in {Phase.STARTING, Phase.SERVING}:
            self._log.warning("ended_at_once", signal=signal.Signals(number).name)
            self._exit_code = 128 + number
            return
        listen = self._read_listen()
        delay = listen.drain_delay.total_seconds() if self._phase is Phase.SERVING else 0.0
        self._phase = Phase.DELAYING
        self._drain_at = clock.monotonic() + delay
        self._drain_timeout = listen.drain_timeout
        self._rolling.clear()
        self._log.info(
            "drain",
            signal=signal.Signals(number).name,
            delay_seconds=delay,
            timeout_seconds=listen.drain_timeout.total_seconds(),
        )
        self._tell_control()

    # The passing of time

    def _step(self) -> None:
        now = clock.monotonic()
        for slot in self._slots():
            if self._restarts and slot.start_at is not None and slot.start_at <= now:
                self._start(slot)
            self._kill_late(slot, now)
        before = None
        while before is not self._phase and self._exit_code is None:
            before = self._phase
            self._advance(now)

    @property
    def _restarts(self) -> bool:
        return self._phase in {Phase.STARTING, Phase.SERVING, Phase.DELAYING}

    def _advance(self, now: float) -> None:
        match self._phase:
            case Phase.STARTING if all(slot.serving for slot in self._slots()):
                self._phase = Phase.SERVING
                self._announce()
            case Phase.SERVING if self._rolling:
                self._roll_on()
            case Phase.DELAYING if now >= self._drain_at:
                self._drain()
            case Phase.DRAINING if not any(any(slot.children()) for slot in self._workers):
                self._close()
            case Phase.CLOSING if not any(self._control.children()):
                self._log.info("ended")
                self._exit_code = 0

    def _kill_late(self, slot: Slot, now: float) -> None:
        for child in slot.children():
            stuck = child is slot.successor and child.lived_seconds > SUCCESSOR_SECONDS
            due = child.kill_at is not None and child.kill_at <= now
            if (stuck or due) and not child.killed:
                detail = "it did not serve in time" if stuck else "it did not end in time"
                self._log.failure("killed", child=slot.name, child_pid=child.pid, detail=detail)
                child.kill()

    def _roll_on(self) -> None:
        slot = self._rolling[0]
        if slot.successor is None:
            self._start(slot, successor=True)
            if slot.successor is None:
                self._rolling.clear()

    def _replace(self, slot: Slot) -> None:
        old = slot.succeed()
        if old is not None:
            old.end(within_seconds=self._read_listen().drain_timeout.total_seconds() + GRACE_SECONDS)
        if self._rolling and self._rolling[0] is slot:
            self._rolling.popleft()
            if not self._rolling:
                self._log.info("rolling_restart_done", workers=len(self._workers))

    def _drain(self) -> None:
        self._phase = Phase.DRAINING
        self._spawner.close_public()
        for slot in self._workers:
            for child in slot.children():
                child.end(within_seconds=self._drain_timeout.total_seconds() + GRACE_SECONDS)

    def _close(self) -> None:
        self._phase = Phase.CLOSING
        for child in self._control.children():
            child.end(within_seconds=GRACE_SECONDS)

    def _seconds_to_next_timer(self) -> float | None:
        times = [slot.start_at for slot in self._slots() if slot.start_at is not None and self._restarts]
        for slot in self._slots():
            times += [child.kill_at for child in slot.children() if child.kill_at is not None and not child.killed]
            if slot.successor is not None and not slot.successor.killed:
                times.append(slot.successor.started + SUCCESSOR_SECONDS)
        if self._phase is Phase.DELAYING:
            times.append(self._drain_at)
        if self._rolling and self._rolling[0].successor is None:
            return 0
        return max(0.0, min(times) - clock.monotonic()) if times else None
