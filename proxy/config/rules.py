"""What must hold between keys: one function a rule, each yields its problems. All run, on whatever could be read.

The rules judge the file alone. The one thing they ask the machine, whether a file can be read, is a parameter.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator

from proxy.config.decode import Draft
from proxy.config.errors import Problem
from proxy.config.model import DEFAULT_ROUTE, Address, PathRewrite, Stage
from proxy.config.nodes import Location, Mapping
from proxy.config.patterns import rewrite_problem
from proxy.config.place import Place
from proxy.config.rules_aggregate import AGGREGATE_RULES
from proxy.config.rules_compare import COMPARE_RULES
from proxy.config.rules_moving import MOVING_RULES
from proxy.config.rules_resilience import RESILIENCE_RULES
from proxy.config.rules_upstream import UPSTREAM_RULES, endpoints_of
from proxy.config.written_route import HeaderEditsSection, ValueSection

WhyUnreadable = Callable[[str], str | None]
"""Path as written -> why the file cannot be read, or None if it can."""

_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


def broken_rules(draft: Draft, why_unreadable: WhyUnreadable) -> Iterator[Problem]:
    """The problems of every rule, in no order."""
    for rule in _RULES:
        yield from rule(draft)
    yield from tls_files_are_readable(draft, why_unreadable)


def legacy_is_an_upstream(draft: Draft) -> Iterator[Problem]:
    if draft.defaults:
        yield from draft.unknown_upstream(("defaults", "legacy"), draft.defaults.legacy)


def to_is_an_upstream(draft: Draft) -> Iterator[Problem]:
    for index, route in draft.routes.items():
        if route.to is not None:
            yield from draft.unknown_upstream(("routes", index, "to"), route.to)


def who_answers_is_named(draft: Draft) -> Iterator[Problem]:
    for index, route in draft.routes.items():
        if route.stage in (Stage.CANARY, Stage.CUTOVER) and route.to is None and route.aggregate is None:
            place = draft.document.key_place(("routes", index, "stage"))
            message = f'route "{route.name}" is at {route.stage} without "to"'
            yield Problem(place, message, "name the upstream that answers")


def route_names_are_unique(draft: Draft) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, route in draft.routes.items():
        place = draft.document.place(("routes", index, "name"))
        if route.name == DEFAULT_ROUTE:
            yield Problem(place, f'"{DEFAULT_ROUTE}" names what no route claims, and cannot name a route')
        elif route.name in first:
            line = draft.document.place(("routes", first[route.name], "name")).line
            yield Problem(place, f'a second route named "{route.name}" (the first is on line {line})')
        first.setdefault(route.name, index)


def redirect_needs_see(draft: Draft) -> Iterator[Problem]:
    for index, route in draft.routes.items():
        if route.respond and 300 <= route.respond.status < 400 and route.respond.see is None:
            place = draft.document.place(("routes", index, "respond", "status"))
            yield Problem(place, f'a redirect ({route.respond.status}) needs "see": where to')


def sunset_is_not_before_deprecation(draft: Draft) -> Iterator[Problem]:
    for index, route in draft.routes.items():
        respond = route.respond
        if respond and respond.sunset and respond.deprecated and respond.sunset < respond.deprecated:
            place = draft.document.place(("routes", index, "respond", "sunset"))
            yield Problem(place, "sunset is before deprecated (RFC 9745 §4 forbids it)")


def match_has_a_condition(draft: Draft) -> Iterator[Problem]:
    for index, route in draft.routes.items():
        for number, match in enumerate(route.match):
            if not match.model_fields_set:
                place = draft.document.place(("routes", index, "match", number))
                yield Problem(place, "a match without a condition", "to take everything, write match: /**")


def match_values_have_one_condition(draft: Draft) -> Iterator[Problem]:
    for location, name, value in _match_values(draft):
        if sum(one is not None for one in (value.exact, value.regex, value.present)) != 1:
            place = draft.document.key_place((*location, name))
            yield Problem(place, f"{name} needs one of exact, regex and present, and only one")


def match_names_a_header_once(draft: Draft) -> Iterator[Problem]:
    seen: set[tuple[Location, str]] = set()
    for location, name, _ in _match_values(draft):
        if location[-1] == "headers":
            if (location, name.lower()) in seen:
                place = draft.document.key_place((*location, name))
                yield Problem(place, f"{name} is named twice: case does not matter")
            seen.add((location, name.lower()))


def _match_values(draft: Draft) -> Iterator[tuple[Location, str, ValueSection]]:
    """Every condition on a header, query key or cookie: the mapping it stands in, its name, the condition."""
    for index, route in draft.routes.items():
        for number, match in enumerate(route.match):
            for kind, values in (("headers", match.headers), ("query", match.query), ("cookies", match.cookies)):
                location = ("routes", index, "match", number, kind)
                node = draft.document.node(location) if values else None
                for name in node.entries if isinstance(node, Mapping) else ():
                    yield location, name, values[name.lower() if kind == "headers" else name]


def rewrite_fits_its_matches(draft: Draft) -> Iterator[Problem]:
    for index, route in draft.routes.items():
        if route.rewrite is None:
            continue
        location: Location = ("routes", index, "rewrite")
        rewrite = PathRewrite(route.rewrite.path, route.rewrite.prefix)
        if (rewrite.path is None) == (rewrite.prefix is None):
            place = draft.document.place(location)
            yield Problem(place, "one of rewrite.path and rewrite.prefix is needed, and only one")
            continue
        key = "prefix" if rewrite.path is None else "path"
        found = (rewrite_problem(rewrite, match.path) for match in route.match)
        if message := next((one for one in found if one), None):
            yield Problem(draft.document.place((*location, key)), message)


def header_edits_name_a_header_once(draft: Draft) -> Iterator[Problem]:
    for index, route in draft.routes.items():
        for side, edits in (("request", route.headers.request), ("response", route.headers.response)):
            yield from _repeated_headers(draft, ("routes", index, "headers", side), edits)


def _repeated_headers(draft: Draft, location: Location, edits: HeaderEditsSection) -> Iterator[Problem]:
    document = draft.document
    for key, names in (("set", edits.set), ("add", edits.add)):
        places = [document.key_place((*location, key, name)) for name in names]
        yield from _repeated_names(names, places, key)
    places = [document.place((*location, "remove", position)) for position in range(len(edits.remove))]
    yield from _repeated_names(edits.remove, places, "remove")


def _repeated_names(names: Iterable[str], places: list[Place], key: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for name, place in zip(names, places, strict=True):
        if name.lower() in seen:
            yield Problem(place, f"{name} is named twice under {key}: case does not matter")
        seen.add(name.lower())


def console_is_not_public(draft: Draft) -> Iterator[Problem]:
    if draft.listen and _overlap(draft.listen.public, draft.listen.console):
        location: Location = ("listen", "console" if "console" in draft.listen.model_fields_set else "public")
        message = f"public ({draft.listen.public}) and console ({draft.listen.console}) are one address"
        yield Problem(draft.document.place(location), message, "give the console a port of its own")


def upstream_is_not_this_proxy(draft: Draft) -> Iterator[Problem]:
    if not draft.listen:
        return
    for name, upstream in draft.upstreams.items():
        for location, endpoint in endpoints_of(upstream):
            address = Address(endpoint.host, endpoint.port)
            for key, own in (("public", draft.listen.public), ("console", draft.listen.console)):
                if _overlap(address, own):
                    place = draft.document.place(("upstreams", name, *location))
                    yield Problem(place, f'upstream "{name}" is this proxy itself (listen.{key})')


def tls_files_are_readable(draft: Draft, why_unreadable: WhyUnreadable) -> Iterator[Problem]:
    files: list[tuple[Location, str]] = []
    if draft.listen and draft.listen.tls:
        files += [(("listen", "tls", "certificate"), draft.listen.tls.certificate)]
        files += [(("listen", "tls", "key"), draft.listen.tls.key)]
    for name, upstream in draft.upstreams.items():
        if upstream.tls and upstream.tls.ca:
            files.append((("upstreams", name, "tls", "ca"), upstream.tls.ca))
    for location, path in files:
        if reason := why_unreadable(path):
            yield Problem(draft.document.place(location), f"{draft.shown(location)} cannot be read: {reason}")


def _overlap(one: Address, other: Address) -> bool:
    """Whether a connection to `one` can arrive at `other`. Port 0 is a port that nobody knows yet."""
    if one.port != other.port or one.port == 0:
        return False
    hosts = {one.host, other.host}
    return len(hosts) == 1 or all(host in _WILDCARDS or _is_loopback(host) for host in hosts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_RULES: tuple[Callable[[Draft], Iterator[Problem]], ...] = (
    legacy_is_an_upstream,
    to_is_an_upstream,
    who_answers_is_named,
    route_names_are_unique,
    redirect_needs_see,
    sunset_is_not_before_deprecation,
    match_has_a_condition,
    match_values_have_one_condition,
    match_names_a_header_once,
    rewrite_fits_its_matches,
    header_edits_name_a_header_once,
    console_is_not_public,
    upstream_is_not_this_proxy,
    *UPSTREAM_RULES,
    *RESILIENCE_RULES,
    *AGGREGATE_RULES,
    *COMPARE_RULES,
    *MOVING_RULES,
)
