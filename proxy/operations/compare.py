"""Compare two systems: what is asked, of whom, and by which rules, from the command's words and from routes.yaml.

With a routes.yaml each request is judged by the rules of the route that would claim it; for one route alone, its two
sides are asked as the proxy would ask them. Nothing is sent that was not asked for.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from proxy.comparison.asking import Side
from proxy.comparison.capture_file import read_capture
from proxy.comparison.capture_format import BadCapture
from proxy.comparison.crawl import Crawl
from proxy.comparison.generated import NotGenerated, generate
from proxy.comparison.report import Report
from proxy.comparison.rules import Rules, compile_rules
from proxy.comparison.side_by_side import Plan, Planned, SideBySide, Unreachable
from proxy.comparison.sources import Listed, Source
from proxy.config.compare import DEFAULT_COMPARE, Compare, IgnoreRule
from proxy.config.model import HeaderEdits, HostHeader, Route, Snapshot, Upstream
from proxy.config.refused import Refused
from proxy.operations.errors import Code, OperationError
from proxy.operations.export import read_har
from proxy.operations.ignore import read_subject
from proxy.routing.claim import CompiledRoute
from proxy.routing.expression import compile_expression
from proxy.routing.table import RouteTable, compile_table
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Fields
from proxy.wire.redaction import Redactor
from proxy.wire.refusal import Refusal
from proxy.wire.request import RequestParser

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Requests:
    """Where they come from (exactly one of the first four is set), and which of them are asked."""

    capture: Path | None = None
    har: Path | None = None
    openapi: Path | None = None
    crawl: tuple[str, ...] = ()
    headers: Fields = ()
    allow_writes: bool = False
    most: int = 1000
    depth: int = 5
    exclude: tuple[str, ...] = ()  # RE2: targets that are not asked


@dataclass(frozen=True, slots=True)
class Terms:
    """How answers are judged."""

    snapshot: Snapshot | None
    ignore: tuple[str, ...]
    fail_on: frozenset[str]
    redactor: Redactor
    today: date
    again: float = 0.1


@dataclass(frozen=True, slots=True)
class Where:
    """A system: its URL, how its certificate is verified, and whether it is asked under its own name."""

    url: str
    verify: ssl.SSLContext | bool = True
    own_host: bool = False


def sides_of(snapshot: Snapshot, name: str) -> tuple[Where, Where]:
    """The monolith and the service of a route. Raises OperationError."""
    route = _route(snapshot, name)
    if route.to is None:
        raise OperationError(Code.INVALID, f"route {name} has no service to compare with the monolith")
    legacy, service = (_where(snapshot.upstreams[each]) for each in (snapshot.legacy, route.to))
    return legacy, service


async def compare_systems(
    left: Where,
    right: Where,
    requests: Requests,
    terms: Terms,
    *,
    route: str | None = None,
    concurrency: int,
    seconds: float,
    say: Say,
    progress: Progress,
) -> Report:
    """Ask both, and say what they differ in. `route`: only what that route claims. Raises OperationError."""
    plan = _without(requests.exclude, _plan(terms, route, left, right))
    try:
        async with _side(left, seconds, concurrency) as one, _side(right, seconds, concurrency) as other:
            source = _source(requests, one, other, say)
            comparison = SideBySide(one, other, plan, terms.redactor, again=terms.again)
            await comparison.run(source, concurrency=concurrency, progress=progress)
    except Unreachable as error:
        raise OperationError(Code.UNREACHABLE, str(error)) from None
    except Refused as refused:
        raise OperationError(Code.INVALID, refused.message, (refused.hint,) if refused.hint else ()) from None
    if not comparison.tally.exchanges:
        why = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(source.skipped.items()))
        raise OperationError(Code.INVALID, f"there is nothing to ask{f': left out were {why}' if why else ''}")
    return comparison.tally.report(one.url, other.url, source.skipped, terms.fail_on)


def _side(where: Where, seconds: float, connections: int) -> Side:
    return Side(where.url, seconds=seconds, connections=2 * connections, verify=where.verify)


def _route(snapshot: Snapshot, name: str) -> Route:
    found = next((route for route in snapshot.routes if route.name == name), None)
    if found is None:
        raise OperationError(Code.INVALID, f"there is no route {name}")
    return found


def _where(upstream: Upstream) -> Where:
    if not upstream.endpoints:
        message = f"upstream {upstream.name} is found by discovery: say where it is with --left and --right"
        raise OperationError(Code.INVALID, message)
    tls = upstream.tls
    try:
        verify = ssl.create_default_context(cafile=tls.ca) if tls.verify and tls.ca else tls.verify
    except OSError as error:
        raise OperationError(Code.INVALID, f"{tls.ca}: {(error.strerror or 'not a CA bundle').lower()}") from None
    return Where(upstream.endpoints[0].url, verify, upstream.host is HostHeader.UPSTREAM)


# Where requests come from


def _source(requests: Requests, left: Side, right: Side, say: Say) -> Source:
    if requests.crawl:
        return Crawl(
            requests.crawl,
            [left.authority, right.authority, *(value for name, value in requests.headers if name.lower() == "host")],
            prefix=left.prefix,
            headers=requests.headers,
            most=requests.most,
            depth=requests.depth,
        )
    try:
        return Listed(
            _listed(requests, say), headers=requests.headers, allow_writes=requests.allow_writes, most=requests.most
        )
    except (BadCapture, NotGenerated) as error:
        raise OperationError(Code.INVALID, str(error)) from None
    except OSError as error:
        raise OperationError(Code.INVALID, f"{error.filename}: {(error.strerror or 'not readable').lower()}") from None


def _listed(requests: Requests, say: Say) -> Iterable[CapturedRequest]:
    if requests.capture:
        return (exchange.request for exchange in read_capture(requests.capture, say))
    if requests.har:
        exchanges, _ = read_har(requests.har)
        return [exchange.request for exchange in exchanges]
    assert requests.openapi is not None
    return generate(requests.openapi)


# By which rules


def _plan(terms: Terms, only: str | None, left: Where, right: Where) -> Plan:
    ignore = tuple(_ignored(subject) for subject in terms.ignore)
    unclaimed = _rules(DEFAULT_COMPARE, ignore, terms.today)
    if terms.snapshot is None:
        return lambda request: Planned(None, unclaimed, request, request)
    table, parser = compile_table(terms.snapshot), RequestParser()
    rules = {route.name: _rules(route.compare, ignore, terms.today) for route in terms.snapshot.routes}

    def plan(request: CapturedRequest) -> Planned | str:
        claim = _claim(table, parser, request)
        if only is None:
            name = claim.route.name if claim else None
            return Planned(name, rules[name] if name else unclaimed, request, request)
        if claim is None or claim.route.name != only:
            return "another_route"
        ours = _rewritten(claim, request)
        return Planned(
            only, rules[only], _named(request, left), _named(ours, right), _dress(claim.route.response_headers)
        )

    return plan


def _without(exclude: tuple[str, ...], plan: Plan) -> Plan:
    try:
        patterns = [compile_expression(pattern) for pattern in exclude]
    except ValueError as error:
        raise OperationError(Code.INVALID, f"--exclude: {error}") from None
    if not patterns:
        return plan
    return lambda request: "excluded" if any(each.search(request.target) for each in patterns) else plan(request)


def _ignored(subject: str) -> IgnoreRule:
    read = {key: str(value) for key, value in read_subject(subject).items()}
    return IgnoreRule(path=read.get("path"), header=read.get("header"), css=read.get("css"), because="--ignore")


def _rules(compare: Compare, ignore: tuple[IgnoreRule, ...], today: date) -> Rules:
    try:
        return compile_rules(replace(compare, ignore=(*compare.ignore, *ignore)), today=today)
    except Refused as refused:
        raise OperationError(Code.INVALID, refused.message, (refused.hint,) if refused.hint else ()) from None
    except ValueError as error:
        raise OperationError(Code.INVALID, str(error)) from None


def _claim(table: RouteTable, parser: RequestParser, request: CapturedRequest) -> CompiledRoute | None:
    """The route that would claim it; none where the proxy would refuse the request."""
    version = "1.1" if any(name.lower() == "host" for name, _ in request.fields) else "1.0"
    lines = [f"{request.method} {request.target} HTTP/{version}"]
    lines += [f"{name}: {value}" for name, value in request.fields if name.lower() not in _FRAMING]
    try:
        head = parser.parse("\r\n".join(lines).encode("latin-1", "replace"))
    except Refusal:
        return None
    return table.match(head)


_FRAMING: Final = frozenset({"transfer-encoding", "content-length", "connection", "upgrade"})


def _rewritten(claim: CompiledRoute, request: CapturedRequest) -> CapturedRequest:
    """As the proxy sends it to the service."""
    path, mark, query = request.target.partition("?")
    if claim.rewrite is not None:
        path = claim.rewrite(path)
    return replace(request, target=path + mark + query, fields=_edited(request.fields, claim.route.request_headers))


def _named(request: CapturedRequest, where: Where) -> CapturedRequest:
    if not where.own_host:
        return request
    return replace(request, fields=tuple(each for each in request.fields if each[0].lower() != "host"))


def _dress(edits: HeaderEdits) -> Callable[[CapturedAnswer], CapturedAnswer]:
    return lambda answer: replace(answer, fields=_edited(answer.fields, edits))


def _edited(fields: Fields, edits: HeaderEdits) -> Fields:
    gone = {name.lower() for name in (*edits.remove, *(name for name, _ in edits.set))}
    return (*(each for each in fields if each[0].lower() not in gone), *edits.set, *edits.add)
