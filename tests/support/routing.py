"""Routes, snapshots and heads for tests of routing, written the way routes.yaml writes them."""

from urllib.parse import urlsplit

from proxy.config.model import (
    Endpoint,
    Listen,
    PathKind,
    PathPattern,
    Route,
    RouteMatch,
    Snapshot,
    Stage,
    Upstream,
    ValuePredicate,
)
from proxy.routing.head import PlainHead
from proxy.routing.table import RouteTable, compile_table


def pattern(text: str) -> PathPattern:
    """`~` marks a regular expression."""
    if text.startswith("~"):
        return PathPattern(PathKind.REGEX, text[1:])
    if text.endswith("/**"):
        return PathPattern(PathKind.PREFIX, text)
    return PathPattern(PathKind.TEMPLATE if "{" in text else PathKind.EXACT, text)


def values(written: dict[str, str | bool] | None) -> tuple[ValuePredicate, ...]:
    """`{"X-A": "v"}` exact, `{"X-A": "~re"}` a regular expression, `{"X-A": True}` present."""

    def one(name: str, value: str | bool) -> ValuePredicate:
        if isinstance(value, bool):
            return ValuePredicate(name, present=value)
        return ValuePredicate(name, regex=value[1:]) if value.startswith("~") else ValuePredicate(name, exact=value)

    return tuple(one(name, value) for name, value in (written or {}).items())


def match(short: str, *, host=None, headers=None, query=None, cookies=None) -> RouteMatch:
    """The short form: `GET,POST /path`, or a path alone; `*` alone for no path condition."""
    methods, _, path = short.rpartition(" ")
    return RouteMatch(
        path=None if path == "*" else pattern(path),
        host=host,
        methods=tuple(methods.split(",")) if methods else (),
        headers=values(headers),
        query=values(query),
        cookies=values(cookies),
    )


def route(name: str, *matches: str | RouteMatch, to: str | None = "service", stage="cutover", **others) -> Route:
    found = tuple(match(one) if isinstance(one, str) else one for one in matches)
    return Route(name, found, to=to, stage=Stage(stage), **others)


def snapshot(*routes: Route, **others) -> Snapshot:
    upstreams = {
        name: Upstream(name, (Endpoint("http", "127.0.0.1", port),))
        for name, port in (("monolith", 8000), ("service", 8103))
    }
    return Snapshot("r1", others.pop("listen", Listen()), upstreams, "monolith", routes, **others)


def table(*routes: Route) -> RouteTable:
    return compile_table(snapshot(*routes))


def head(request: str, *, host: str = "", headers: dict[str, str] | None = None) -> PlainHead:
    """`GET /path?query`, or a path alone."""
    method, _, target = request.rpartition(" ")
    parts = urlsplit("http://x" + target) if target != "*" else urlsplit("*")
    lines = tuple((name.lower(), value) for name, value in (headers or {}).items())
    return PlainHead(method or "GET", parts.path, parts.query, host, lines)


def winner(routes: RouteTable, request: PlainHead | str) -> str | None:
    found = routes.match(head(request) if isinstance(request, str) else request)
    return found.route.name if found else None
