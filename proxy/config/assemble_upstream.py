"""The section of an upstream that passed every rule → the immutable Upstream. Decides nothing."""

from dataclasses import replace
from pathlib import Path

from proxy.config.model import Discover, DiscoverKind, Timeouts, Upstream, UpstreamTls
from proxy.config.moving import Sync
from proxy.config.outcomes import merge
from proxy.config.place import Place
from proxy.config.policy import Balance, Breaker, Bulkhead, Eject, HealthCheck, Retry
from proxy.config.written_upstream import (
    BreakerSection,
    BulkheadSection,
    DiscoverSection,
    HealthSection,
    RetrySection,
    UpstreamSection,
    UpstreamTlsSection,
)


def assemble_upstream(name: str, written: UpstreamSection, base_dir: Path, place: Place) -> Upstream:
    timeout, eject, balance = written.timeout, written.eject, written.balance
    return Upstream(
        name=name,
        endpoints=(written.url,) if written.url else tuple(written.targets or ()),
        timeouts=Timeouts(timeout.connect, timeout.response, timeout.idle, timeout.total),
        tls=_tls(written.tls, base_dir) if written.tls else UpstreamTls(),
        host=written.host,
        retry=_retry(written.retry) if written.retry else None,
        breaker=_breaker(written.breaker) if written.breaker else None,
        eject=Eject(eject.after, eject.base, eject.max_share),
        bulkhead=_bulkhead(written.bulkhead) if written.bulkhead else None,
        balance=Balance(balance.by, balance.key),
        slow_start=written.slow_start,
        health=_health(written.health) if written.health else None,
        discover=_discover(written.discover, base_dir, written.tls is not None) if written.discover else None,
        sync=Sync(written.sync.path, written.sync.token) if written.sync else None,
        sandboxed=written.sandboxed,
        place=place,
    )


def _tls(written: UpstreamTlsSection, base_dir: Path) -> UpstreamTls:
    return UpstreamTls(str(base_dir / written.ca) if written.ca else None, written.verify, written.server_name)


def _retry(written: RetrySection) -> Retry:
    return Retry(written.attempts, written.backoff, written.budget, merge(written.on))


def _breaker(written: BreakerSection) -> Breaker:
    return Breaker(written.open_at, written.window, written.min_requests, written.try_again_after, merge(written.on))


def _bulkhead(written: BulkheadSection) -> Bulkhead:
    return Bulkhead(written.max_in_flight, written.queue, written.max_wait)


def _health(written: HealthSection) -> HealthCheck:
    return HealthCheck(written.path, written.every, written.timeout, written.rise, written.fall, tuple(written.expect))


def _discover(written: DiscoverSection, base_dir: Path, is_tls: bool) -> Discover:
    found = replace(written.url, resolver=written.resolver)
    if found.kind is DiscoverKind.FILE:
        return replace(found, path=str(base_dir / found.path))
    return replace(found, scheme="https" if is_tls else "http")
