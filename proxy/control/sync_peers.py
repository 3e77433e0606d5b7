"""Asks upstreams who writes what, and tells them to stop or to begin: the calls of `sync` in routes.yaml.

Each call may be repeated, and is one try at every endpoint that is known, the healthy ones first. Tokens go to the
upstream they are for, and into no message.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.config.model import Endpoint, Snapshot, Upstream
from proxy.forwarding.call import Called, call
from proxy.forwarding.known_endpoints import Known, discovered_tls
from proxy.forwarding.pool import EndpointKey, EndpointPool
from proxy.observability.counters import Counters
from proxy.rollout.ownership import Standing, read_standings
from proxy.wire.refusal import BadAnswer

MOST_DETAIL = 300  # letters of what an upstream says, in a message
STALE_EPOCH = "stale-epoch"
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class PeerFailure(Exception):
    """An upstream did not do what it was asked. `kind` is the problem's name; `passing` when it may, asked again."""

    def __init__(self, message: str, *, kind: str = "", passing: bool = True) -> None:
        super().__init__(message)
        self.kind = kind
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Peers:
    """The upstreams of the snapshot that serves. Every method raises PeerFailure."""

    snapshot: Callable[[], Snapshot]
    known: Callable[[], Mapping[str, Known]]

    def with_sync(self) -> list[str]:
        return [name for name, upstream in self.snapshot().upstreams.items() if upstream.sync is not None]

    async def status(self, upstream: str, *, seconds: float) -> dict[str, Standing]:
        """By entity."""
        return _standings(upstream, await self._ask(upstream, "GET", "", seconds=seconds))

    async def fence(self, upstream: str, entities: Iterable[str], epoch: int, *, seconds: float) -> dict[str, int]:
        """Let it write no more. By entity, the position of its last event."""
        body = {"entities": sorted(entities), "epoch": epoch}
        return _positions(upstream, body, await self._ask(upstream, "POST", "/fence", body, seconds=seconds))

    async def own(
        self, upstream: str, entities: Iterable[str], epoch: int, heard: Mapping[str, int], *, seconds: float
    ) -> dict[str, int]:
        """Let it write, if it has heard of the other side's events up to `heard`; its own last positions."""
        body: dict[str, Any] = {"entities": sorted(entities), "epoch": epoch}
        if heard:
            body["heard"] = dict(heard)
        return _positions(upstream, body, await self._ask(upstream, "POST", "/own", body, seconds=seconds))

    async def _ask(
        self, name: str, method: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: float
    ) -> Any:
        upstream = self.snapshot().upstreams.get(name)
        if upstream is None or upstream.sync is None:
            raise PeerFailure(f'upstream "{name}" has no sync in routes.yaml', passing=False)
        fields = {"Authorization": f"Bearer {upstream.sync.token}", "Accept": "application/json"}
        data = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            fields["Content-Type"] = "application/json"
        failure = PeerFailure(f'upstream "{name}" has no endpoint')
        for endpoint in self._endpoints(upstream):
            try:
                pool = EndpointPool(EndpointKey(endpoint, discovered_tls(upstream)), Counters())
                answer = await call(pool, method, upstream.sync.path + path, fields, data, seconds=seconds)
                return _read(name, answer)
            except (OSError, BadAnswer) as error:
                failure = PeerFailure(f'upstream "{name}" at {endpoint.url}: {_reason(error, seconds)}')
            except PeerFailure as error:
                if not error.passing:
                    raise
                failure = error
        raise failure

    def _endpoints(self, upstream: Upstream) -> list[Endpoint]:
        known = self.known().get(upstream.name)
        endpoints = known.endpoints if known else upstream.endpoints
        unhealthy = known.unhealthy if known else frozenset[str]()
        return sorted(endpoints, key=lambda each: each.url in unhealthy)


def _reason(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    strerror = error.strerror if isinstance(error, OSError) else None
    return (strerror or str(error) or type(error).__name__).lower()


def _read(name: str, answer: Called) -> Any:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if answer.status == 200 and isinstance(document, dict):
        return document
    said = document if isinstance(document, dict) else {}
    detail = str(said.get("detail") or said.get("title") or "no JSON of ours")[:MOST_DETAIL]
    kind = str(said.get("type", "")).rpartition(":")[2]
    passing = answer.status in AGAIN
    raise PeerFailure(f'upstream "{name}" says {answer.status}: {detail}', kind=kind, passing=passing)


def _standings(name: str, document: Any) -> dict[str, Standing]:
    try:
        return read_standings(document)
    except ValueError as error:
        raise PeerFailure(f'upstream "{name}" does not say who writes what: {error}', passing=False) from None


def _positions(name: str, asked: Mapping[str, Any], document: Any) -> dict[str, int]:
    try:
        return {entity: int(document["entities"][entity]["outbox_last"]) for entity in asked["entities"]}
    except (KeyError, TypeError, ValueError):
        raise PeerFailure(f'upstream "{name}" answered a move without positions', passing=False) from None
