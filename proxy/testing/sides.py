"""Who the two sides are: from URLs, from routes.yaml, or from both; and which rules hold for a request.

URLs that were given win, and are asked as they are. What routes.yaml names is asked as the proxy would ask it: the
service of the route that claims the request, under the path that it knows. Nothing is asked of a side by default.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx

from proxy.config import ConfigError, Snapshot, load_file
from proxy.config.addresses import endpoint
from proxy.config.compare import DEFAULT_COMPARE, Compare
from proxy.config.model import Route, Upstream, UpstreamTls
from proxy.config.refused import Refused
from proxy.routing.claim import CompiledRoute
from proxy.routing.head import PlainHead
from proxy.routing.table import RouteTable, compile_table
from proxy.testing.paired import Placeholders
from proxy.testing.side import SideClient, Target
from proxy.wire.exchange import LEGACY, SERVICE
from proxy.wire.path import BadTarget, normalise

_LEGACY_HINT = "--strangler-legacy URL names it, or --strangler-config FILE its routes.yaml"
_SERVICE_HINT = "--strangler-service URL names it, or --strangler-config FILE a routes.yaml with routes to it"


class BadSides(Exception):
    """A side is not known, or not what was given for it. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What a project says of its sides. `service` is one URL, or one for each upstream's name in routes.yaml."""

    legacy: str | None = None
    service: str | Mapping[str, str] | None = None
    config: str | Path | None = None


class Systems:
    """The sides, with the connections to them. For a session; closed at its end. Raises BadSides."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._snapshot = _load(sides.config)
        self._table = compile_table(self._snapshot) if self._snapshot else RouteTable(())
        tls = {each.authority: upstream.tls for upstream in self._upstreams() for each in upstream.endpoints}
        self._wires = {side: _Wires(tls) for side in (LEGACY, SERVICE)}  # of its own, as they are asked at one time
        self.placeholders = Placeholders()

    def close(self) -> None:
        for wires in self._wires.values():
            wires.end()

    def client(self, side: str, route: str | None) -> SideClient:
        """A client of one side, with no cookies yet. `route` is the one a test is about, by name."""
        about = self._route(route)
        if side == LEGACY:
            return SideClient(side, self._legacy, self.placeholders, self._wires[side], None)
        if isinstance(self._sides.service, str):
            return SideClient(side, _checked(self._sides.service), self.placeholders, self._wires[side], None)
        if about is not None:
            self._service_of(about)
        elif self._snapshot is None or not any(each.to for each in self._snapshot.routes):
            raise BadSides(f"the service is not known: {_SERVICE_HINT}")

        def reach(request: httpx.Request) -> Target:
            return self._reach(request, about)

        return SideClient(side, "http://service", self.placeholders, self._wires[side], reach)

    def rules(self, request: httpx.Request, route: str | None) -> tuple[str | None, Compare]:
        """The route that a request to the monolith belongs to, by name, and how its answers are compared."""
        claim = self._claim(request, None, below=httpx.URL(self._legacy).path.rstrip("/"))
        found = self._route(route) or (claim.route if claim else None)
        return (found.name, found.compare) if found else (None, DEFAULT_COMPARE)

    @cached_property
    def _legacy(self) -> str:
        if self._sides.legacy is not None:
            return _checked(self._sides.legacy)
        if self._snapshot is None:
            raise BadSides(f"the monolith is not known: {_LEGACY_HINT}")
        return _first(self._snapshot.upstreams[self._snapshot.legacy], "--strangler-legacy")

    def _reach(self, request: httpx.Request, about: Route | None) -> Target:
        claim = self._claim(request, about)
        route = about or (claim.route if claim else None)
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        if route is None:
            raise AssertionError(
                f"no route of routes.yaml claims {request.method} {path}, so there is no service to ask: "
                "ask `legacy` alone, or name the route with @pytest.mark.strangler(route=…)"
            )
        if claim is not None and claim.rewrite is not None:
            path = claim.rewrite(normalise(path))
        return Target(self._service_of(route) + path + (f"?{query}" if query else ""), route.request_headers)

    def _claim(self, request: httpx.Request, about: Route | None, *, below: str = "") -> CompiledRoute | None:
        """Its route, by the path that a client of the proxy would have sent: `below` the one of the side's URL."""
        path, _, query = request.url.raw_path.decode("ascii").removeprefix(below).partition("?")
        fields = tuple((name.lower(), value) for name, value in request.headers.multi_items())
        host = request.headers.get("host", "").partition(":")[0]
        try:
            head = PlainHead(request.method, normalise(path), query, host, fields)
        except BadTarget:
            return None
        if about is None:
            return self._table.match(head)
        return next((claim for claim in self._table.ranked if claim.route == about and claim.claims(head)), None)

    def _service_of(self, route: Route) -> str:
        if route.to is None:
            why = "is composed by the proxy: name that with --strangler-service" if route.aggregate else "has no `to`"
            raise BadSides(f"there is no service to ask: route {route.name} {why}")
        given = self._sides.service
        if isinstance(given, Mapping) and route.to in given:
            return _checked(given[route.to])
        assert self._snapshot is not None
        return _first(self._snapshot.upstreams[route.to], "--strangler-service")

    def _route(self, name: str | None) -> Route | None:
        if name is None or self._snapshot is None:
            return None  # with two URLs and no file, a name is but a name
        found = next((route for route in self._snapshot.routes if route.name == name), None)
        if found is None:
            known = ", ".join(route.name for route in self._snapshot.routes) or "none"
            raise BadSides(f"@pytest.mark.strangler: routes.yaml has no route {name!r} (its routes: {known})")
        return found

    def _upstreams(self) -> list[Upstream]:
        return list(self._snapshot.upstreams.values()) if self._snapshot else []


class _Wires(httpx.BaseTransport):
    """A side's connections for a session, whose clients come and go. One pool for each way to verify."""

    def __init__(self, tls: Mapping[str, UpstreamTls]) -> None:
        self._tls = tls
        self._pools: dict[UpstreamTls | None, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        authority = request.url.netloc.decode("ascii")
        tls = self._tls.get(authority, UpstreamTls()) if request.url.scheme == "https" else None
        if tls not in self._pools:
            self._pools[tls] = httpx.HTTPTransport(verify=_context(tls), trust_env=False)
        return self._pools[tls].handle_request(request)

    def end(self) -> None:
        """Not `close`, which every client calls."""
        for pool in self._pools.values():
            pool.close()


def _context(tls: UpstreamTls | None) -> ssl.SSLContext:
    if tls is None:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used: reading the system's authorities takes 20 ms
    context = ssl.create_default_context(cafile=tls.ca)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load(config: str | Path | None) -> Snapshot | None:
    if config is None:
        return None
    try:
        return load_file(config, os.environ)
    except ConfigError as error:
        raise BadSides("\n".join(map(str, error.problems))) from None


def _first(upstream: Upstream, option: str) -> str:
    if not upstream.endpoints:
        raise BadSides(f"the endpoints of {upstream.name} are found by discovery: give one with {option}")
    return upstream.endpoints[0].url


def _checked(url: str) -> str:
    try:
        return endpoint(url).url
    except Refused as error:
        raise BadSides(f"{error.message}{f' ({error.hint})' if error.hint else ''}") from None
