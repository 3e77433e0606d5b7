"""Asks the endpoints of an upstream whether they are well: active health checks.

Each endpoint has one task, so at most one probe is under way for it, on a connection of its own; the pools of the data
path are never used. When a verdict turns is `proxy.resilience.health`'s business.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from proxy import clock
from proxy.config.model import Endpoint, UpstreamTls
from proxy.config.policy import HealthCheck
from proxy.forwarding.pool import EndpointKey, EndpointPool
from proxy.forwarding.upstream import UpstreamConnection
from proxy.observability.counters import Counters
from proxy.resilience.health import HealthSettings, Probing, Verdict
from proxy.wire.refusal import BadAnswer
from proxy.wire.response import Body, ResponseHead

MAX_ANSWER_BYTES: Final = 64 * 1024
"""What is read of an answer's content. One that is longer is judged by its status."""


class Events(Protocol):
    """Whom changes are told: a log."""

    def info(self, event: str, **fields: object) -> None: ...
    def warning(self, event: str, **fields: object) -> None: ...


class Answer:
    """Receives an answer; `status` is its status once it has come whole."""

    method = "GET"

    def __init__(self) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._head_status = 0
        self._received = 0

    def receive_interim(self, head: ResponseHead) -> None: ...

    def receive_head(self, head: ResponseHead, body: Body, data: bytes, last: bool) -> None:
        self._head_status = head.status
        self.receive_data(data, last)

    def receive_data(self, data: bytes, last: bool) -> None:
        self._received += len(data)
        if (last or self._received > MAX_ANSWER_BYTES) and not self.status.done():
            self.status.set_result(self._head_status)

    def receive_switch(self, head: ResponseHead, data: bytes) -> None:
        self.upstream_broken(BadAnswer("it switched protocols"))

    def upstream_broken(self, error: BadAnswer) -> None:
        if not self.status.done():
            self.status.set_exception(error)

    def upstream_lost(self, error: Exception | None, *, silent: bool) -> None:
        if not self.status.done():
            self.status.set_exception(ConnectionResetError("the connection ended before the answer was whole"))

    def upstream_full(self) -> None: ...
    def upstream_drained(self) -> None: ...


async def probe(pool: EndpointPool, check: HealthCheck) -> str | None:
    """Ask once. What was wrong, in words; None when the endpoint is well."""
    seconds = check.timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            status = await _ask(pool, check.path)
    except TimeoutError:
        return f"no answer within {seconds:g} s"
    except BadAnswer as error:
        return f"bad answer: {error}"
    except OSError as error:
        return (error.strerror or str(error) or type(error).__name__).lower()
    return None if HealthSettings(expect=check.expect).expects(status) else f"status {status}"


async def _ask(pool: EndpointPool, path: str) -> int:
    connection = await pool.connect()
    try:
        return await _status(connection, f"{pool.prefix}{path}".encode("latin-1"), pool.authority)
    finally:
        connection.close()


async def _status(connection: UpstreamConnection, target: bytes, authority: bytes) -> int:
    answer = Answer()
    connection.begin(
        answer,
        b"GET %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: strangler-health\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        % (target, authority),
    )
    return await answer.status


@dataclass(slots=True, eq=False)
class _Probed:
    """One endpoint. The pool is made by the first probe, and made again after certificates changed."""

    endpoint: Endpoint
    probing: Probing
    pool: EndpointPool | None = None
    task: asyncio.Task[None] | None = None


class Prober:
    """The probes of one upstream. `turned` is called when a verdict has changed; `unhealthy` is what it starts from."""

    def __init__(
        self,
        upstream: str,
        turned: Callable[[], None],
        events: Events,
        *,
        unhealthy: Iterable[str] = (),
        draw: Callable[[], float] | None = None,
    ) -> None:
        self._upstream = upstream
        self._turned = turned
        self._events = events
        self._before = frozenset(unhealthy)
        self._draw = draw or clock.chance().random
        self._settings: tuple[HealthCheck, UpstreamTls] | None = None
        self._probed: dict[str, _Probed] = {}
        self.probes: Counter[str] = Counter()  # by outcome: success, failure
        self.changes: Counter[str] = Counter()  # by the verdict that came

    @property
    def unhealthy(self) -> frozenset[str]:
        """URLs of the endpoints that are not to be asked."""
        return frozenset(url for url, one in self._probed.items() if not one.probing.usable)

    def watch(self, endpoints: Iterable[Endpoint], check: HealthCheck, tls: UpstreamTls) -> None:
        """Probe these from now on, in this way. What is known of those that stay is kept."""
        again = self._settings != (check, tls)
        self._settings = (check, tls)
        wanted = {endpoint.url: endpoint for endpoint in endpoints}
        for url in self._probed.keys() - wanted.keys():
            _stop(self._probed.pop(url))
        for url, endpoint in wanted.items():
            if url not in self._probed:
                self._probed[url] = self._start(endpoint, check, tls)
            elif again:
                self._restart(self._probed[url], check, tls)
        self._before = frozenset()

    def _start(self, endpoint: Endpoint, check: HealthCheck, tls: UpstreamTls) -> _Probed:
        now = clock.monotonic()
        one = _Probed(endpoint, Probing(_settings(check), now))
        if endpoint.url in self._before:
            one.probing.verdict = Verdict.UNHEALTHY
        one.task = asyncio.create_task(self._probe_for_ever(one, check, tls))
        return one

    def _restart(self, one: _Probed, check: HealthCheck, tls: UpstreamTls) -> None:
        _stop(one)
        one.pool = None
        one.probing.reconfigure(_settings(check))
        one.task = asyncio.create_task(self._probe_for_ever(one, check, tls))

    def renew_tls(self) -> None:
        """Read CA bundles again before the next probes."""
        for one in self._probed.values():
            one.pool = None

    def stop(self) -> None:
        for one in self._probed.values():
            _stop(one)
        self._probed.clear()

    async def _probe_for_ever(self, one: _Probed, check: HealthCheck, tls: UpstreamTls) -> None:
        at = one.probing.first_probe(clock.monotonic(), self._draw())
        while True:
            await asyncio.sleep(at - clock.monotonic())
            began = clock.monotonic()
            self._note(one, await self._probe(one, check, tls))
            at = one.probing.next_probe(began, self._draw())

    async def _probe(self, one: _Probed, check: HealthCheck, tls: UpstreamTls) -> str | None:
        try:
            pool = one.pool = one.pool or EndpointPool(EndpointKey(one.endpoint, tls), Counters())
        except OSError as error:  # of the CA bundle; ssl.SSLError is one
            return f"the CA bundle cannot be read: {error.strerror or error}"
        return await probe(pool, check)

    def _note(self, one: _Probed, failure: str | None) -> None:
        self.probes["success" if failure is None else "failure"] += 1
        was_usable = one.probing.usable
        if not one.probing.record(failure, clock.monotonic()):
            return
        self.changes[one.probing.verdict.value] += 1
        facts = {"upstream": self._upstream, "endpoint": one.endpoint.url}
        if not one.probing.usable:
            self._events.warning("endpoint_unhealthy", **facts, reason=failure)
        elif not was_usable:
            self._events.info("endpoint_healthy", **facts)
        if was_usable != one.probing.usable:
            self._turned()

    def describe(self, now: float) -> dict[str, dict[str, object]]:
        """By URL, JSON-able."""
        return {url: one.probing.describe(now) for url, one in self._probed.items()}


def _stop(one: _Probed) -> None:
    if one.task is not None:
        one.task.cancel()
        one.task = None


def _settings(check: HealthCheck) -> HealthSettings:
    return HealthSettings(check.every.total_seconds(), check.rise, check.fall, check.expect)
