"""`strangler explain`: what would become of one request. Reads the file and nothing else; sends nothing.

The request goes through the parser and the routing that serve real ones, so what is said here is what happens.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from urllib.parse import quote

import click

from proxy.cli.options import config_option
from proxy.config import load_file
from proxy.config.model import Snapshot
from proxy.config.values import format_share
from proxy.routing.decision import Reason, Side
from proxy.routing.explain import Copied, Divided, Explanation, Part, explain
from proxy.routing.listing import describe
from proxy.routing.pin import PIN_COOKIE
from proxy.routing.predicate import read_cookie
from proxy.routing.reserved import INTERNAL
from proxy.routing.rivals import Rival
from proxy.routing.split import BUCKETS, ID_COOKIE, UserKind
from proxy.routing.table import compile_table
from proxy.wire.forwarded import Networks, forwarded_for, resolve_client
from proxy.wire.head import RequestHead
from proxy.wire.refusal import Refusal
from proxy.wire.request import RequestParser

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_COMMON_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ASCII_OF_A_URL = "".join(map(chr, range(0x21, 0x7F)))


@click.command("explain", short_help="Say which route a request takes, to which side, and why.")
@click.argument("method")
@click.argument("path")
@click.option("-H", "--header", "headers", metavar="'NAME: VALUE'", multiple=True, help="A header; may be repeated.")
@click.option("--from", "peer", metavar="ADDRESS", default="127.0.0.1", help="Who connects to the proxy: an address.")
@click.option("--all", "show_all", is_flag=True, help="List every other route, also those far from the request.")
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
@config_option
def command(
    method: str, path: str, headers: tuple[str, ...], peer: str, show_all: bool, as_json: bool, config: str
) -> None:
    """Say which route a request takes, to which side, and why, and why every other route did not get it.

    \b
    strangler explain GET '/api/products/7?page=2'
    strangler explain POST /cart -H 'Host: shop.example.com' -H 'Cookie: beta=1'
    strangler explain GET /api/products/7 -H 'X-Customer: 4711' --from 203.0.113.9

    PATH may have a query, and may be a whole URL. Nothing is sent anywhere.
    """
    snapshot = load_file(config, os.environ)
    head = _read_request(method, path, headers, snapshot)
    override, notes = _override(head, snapshot)
    found = explain(compile_table(snapshot), snapshot, head, override, _client(head, peer, snapshot))
    if found.divided and read_cookie(PIN_COOKIE)(head):
        notes.append(f"the cookie {PIN_COOKIE} is not looked at here: only the server can tell whether it holds")
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_said(found, f"{method} {path}", snapshot, notes, show_all)))


def _read_request(method: str, target: str, headers: Sequence[str], snapshot: Snapshot) -> RequestHead:
    """The head as the server would read it. Raises click.UsageError for one that it would refuse."""
    if not _TOKEN.fullmatch(method):
        raise click.UsageError(f"{method!r} is not a method, such as GET")
    if method not in _COMMON_METHODS and method.upper() in _COMMON_METHODS:
        raise click.UsageError(f"methods are case-sensitive: did you mean {method.upper()}?")
    if not re.match(r"/|https?://|\*$", target):
        raise click.UsageError(f"{target!r} is not a path: it must begin with / (or be a whole URL)")
    if re.search(r"\s", target):
        raise click.UsageError(f"{target!r} has white space in it: write a space as %20")
    sent = quote(target, safe=_ASCII_OF_A_URL)  # what is not ASCII is escaped, as browsers do
    lines = [_header_line(header) for header in headers]
    # A request without Host is only valid in HTTP/1.0. Without one, conditions on the host fail, as they should.
    version = "1.1" if any(line.lower().startswith("host:") for line in lines) else "1.0"
    block = "\r\n".join([f"{method} {sent} HTTP/{version}", *lines])
    try:
        return RequestParser(allow_encoded_slash=snapshot.listen.allow_encoded_slash).parse(block.encode())
    except Refusal as refusal:
        raise click.UsageError(f"no route is asked: the request is refused with {refusal.status}, {refusal}") from None


def _header_line(header: str) -> str:
    """Raises click.UsageError; never quotes a value, which may be a credential."""
    name, colon, value = header.partition(":")
    if not colon or not _TOKEN.fullmatch(name):
        raise click.UsageError("a header is written -H 'Name: value'")
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        raise click.UsageError(f"the value of header {name} holds a control character")
    return f"{name}: {value.strip()}"


def _client(head: RequestHead, peer: str, snapshot: Snapshot) -> str:
    """The address of the client behind `peer`, as the server would find it. Raises click.UsageError."""
    try:
        ip_address(peer)
    except ValueError:
        raise click.UsageError(f"--from {peer}: that is no address, such as 203.0.113.9") from None
    return resolve_client(peer, forwarded_for(head.extras.forwarding), Networks(snapshot.listen.trusted_proxies))


def _override(head: RequestHead, snapshot: Snapshot) -> tuple[Side | None, list[str]]:
    """The side that X-Strangler-Side asks for, and what there is to say about that."""
    if not head.extras.side:
        return None, []
    if head.extras.side not in (b"legacy", b"service"):
        return None, ["X-Strangler-Side is ignored: it is neither legacy nor service"]
    if not snapshot.listen.trusted_callers:
        return None, ["X-Strangler-Side is ignored: listen.trusted_callers is empty, so nobody may choose a side"]
    networks = ", ".join(snapshot.listen.trusted_callers)
    return Side(head.extras.side.decode()), [f"X-Strangler-Side is believed only from {networks}"]


def _said(found: Explanation, request: str, snapshot: Snapshot, notes: list[str], show_all: bool) -> Iterator[str]:
    yield _sentence(found, request)
    details = dict(_details(found, snapshot))
    for name, value in details.items():
        yield f"  {name:<8} {value}"
    for note in notes:
        yield f"  note     {note}"
    if found.parts:
        yield ""
        yield "Parts of the answer:"
        yield from _parts(found.parts, snapshot)
    shown = [rival for rival in found.lost if rival.near or show_all]
    if shown:
        yield ""
        yield "Other routes:" if show_all else "Other routes that came close:"
        yield from _aligned(shown)
    far = len(found.lost) - len(shown)
    if far:
        more = " more" if shown else ""
        yield ""
        yield f"{far}{more} route{'s' if far > 1 else ''} with another host or path (--all lists them)."


def _sentence(found: Explanation, request: str) -> str:
    if found.route is None:
        return f"{request} is never routed: the proxy answers 404 for {INTERNAL} and everything below it."
    if found.reason is Reason.DEFAULT:
        return f"No route claims {request}: {found.upstream} answers, as for everything that no route claims."
    return f"Route {found.route} claims {request}: {_because(found)}."


def _because(found: Explanation) -> str:
    stage = found.claim.route.stage if found.claim else ""
    if found.reason is Reason.OVERRIDE:
        answers = f"the answer is composed of {len(found.parts)} parts" if found.parts else f"{found.upstream} answers"
        return f"the caller asks for the {found.side} side, so {answers}"
    if found.parts and found.divided is not None:
        return f"{_user_stands(found)}, so the answer is composed of {len(found.parts)} parts"
    if found.parts:
        return f"it is at stage {stage}, so the answer is composed of {len(found.parts)} parts"
    if found.divided is not None:
        return f"{_user_stands(found)}, so {found.upstream} answers"
    if found.answer is None:
        return f"it is at stage {stage}, so {found.upstream} answers"
    if found.answer.location:
        return f"it is retired, so the proxy answers {found.answer.status} and sends clients to {found.answer.location}"
    return f"it is retired, so the proxy answers {found.answer.status}"


def _user_stands(found: Explanation) -> str:
    """Why a user at canary is on this side."""
    assert found.divided is not None
    if found.reason is Reason.ALLOW:
        return "it is at canary, and the user stands under allow"
    if found.reason is Reason.DENY:
        return "it is at canary, and the user stands under deny"
    share = format_share(found.divided.weight)
    inside = "" if found.side is Side.SERVICE else "not "
    return f"it is at canary with {share} of the users, this one {inside}among them"


_TOLD_BY = {
    UserKind.USER: "who is logged in",
    UserKind.HEADER: "a header",
    UserKind.COOKIE: "a cookie",
    UserKind.OWN: f"the cookie {ID_COOKIE}",
    UserKind.IP: "the address",
}


def _divided(found: Explanation, divided: Divided) -> Iterator[tuple[str, str]]:
    told_by = _TOLD_BY[divided.told_by]
    if divided.told_by is UserKind.HEADER and not divided.named:
        told_by = "Authorization"
    yield "user", f"told by {told_by}: bucket {found.bucket} of {BUCKETS} under {divided.salt}"
    share = f"buckets below {divided.below} ({format_share(divided.weight)})"
    service = divided.service_url or divided.service or "a composed answer"
    yield "service", f"{service} for {share}"
    yield "legacy", f"{divided.legacy_url or divided.legacy} for the others"


def _details(found: Explanation, snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    if found.upstream:
        upstream = snapshot.upstreams[found.upstream]
        several = f" (one of its {len(upstream.endpoints)} endpoints)" if len(upstream.endpoints) > 1 else ""
        looked_up = f" (found at {upstream.discover})" if upstream.discover else ""
        yield "sent to", (found.url or "an endpoint") + several + looked_up
    if found.divided:
        yield from _divided(found, found.divided)
    if found.fallback:
        causes = ", ".join(map(str, found.fallback.on))
        yield "instead", f"{found.fallback.url or found.fallback.upstream} on {causes}, or while the breaker is open"
    if found.shadow:
        yield "copy", _copied(found.shadow, snapshot)
    if found.claim is None:
        return
    route, place = found.claim.route, found.claim.match.place or found.claim.route.place
    yield "match", describe(found.claim) + (f"  ({place})" if place else "")
    for name, value in (("owner", route.owner), ("group", route.group)):
        if value:
            yield name, value


def _copied(shadow: Copied, snapshot: Snapshot) -> str:
    url = shadow.url or f"an endpoint found at {snapshot.upstreams[shadow.upstream].discover}"
    if shadow.why_not:
        return f"none to {shadow.upstream}: {shadow.why_not}"
    share = "" if shadow.sample == 1 else f" of {format_share(shadow.sample)} of them"
    return f"{url}{share}, only to be compared"


def _parts(parts: Sequence[Part], snapshot: Snapshot) -> Iterator[str]:
    width = max(len(part.name) for part in parts)
    for part in parts:
        url = part.url or f"an endpoint found at {snapshot.upstreams[part.upstream].discover}"
        yield f"  {part.name:<{width}}  {url}" + (" (required)" if part.required else "")


def _aligned(rivals: Sequence[Rival]) -> Iterator[str]:
    width = max(len(rival.route) for rival in rivals)
    return (f"  {rival.route:<{width}}  {rival.why}" for rival in rivals)
