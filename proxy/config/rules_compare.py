"""Rules about copies and comparing: no copy without a place to go, no write to what is not sandboxed.

A rule of comparing stands in `defaults` and in routes alike; each is judged where it is written.
"""

from collections.abc import Callable, Iterator

from proxy.config.compare import SAFE_METHODS
from proxy.config.decode import Draft
from proxy.config.errors import Problem
from proxy.config.model import Stage
from proxy.config.nodes import Location
from proxy.config.written_compare import CompareSection
from proxy.config.written_route import RouteSection

_KEPT_OUT = frozenset({401, 403})


def a_shadow_has_two_sides(draft: Draft) -> Iterator[Problem]:
    for index, route in _shadowed(draft):
        place = draft.document.key_place(("routes", index, _key(route)))
        if route.to is None:
            message = f'route "{route.name}" is shadowed without "to"'
            yield Problem(place, message, "name the upstream that is compared with the monolith")
        elif draft.defaults and route.to == draft.defaults.legacy:
            message = f'"{route.to}" cannot be compared with itself: it is the legacy upstream'
            yield Problem(place, message, "name the service in `to`")


def a_shadow_has_something_to_copy(draft: Draft) -> Iterator[Problem]:
    for index, route in _shadowed(draft):
        copies_writes = route.shadow is not None and route.shadow.allow_writes
        if not copies_writes and all(match.methods and not _takes_safe(match.methods) for match in route.match):
            place = draft.document.key_place(("routes", index, _key(route)))
            message = "no match of the route takes GET or HEAD: nothing of it would be copied"
            yield Problem(place, message, "shadow: { allow_writes: true } copies the others, to a sandboxed upstream")


def writes_go_to_a_sandbox(draft: Draft) -> Iterator[Problem]:
    for index, route in _shadowed(draft):
        if route.shadow is None or not route.shadow.allow_writes or not draft.defaults:
            continue
        given_copies = draft.defaults.legacy if route.stage is Stage.CUTOVER else route.to
        upstream = draft.upstreams.get(given_copies or "")
        if upstream is not None and not upstream.sandboxed:
            place = draft.document.key_place(("routes", index, "shadow", "allow_writes"))
            at_cutover = ": at cutover it is the monolith that is shadowed" if route.stage is Stage.CUTOVER else ""
            message = f'allow_writes needs a sandbox, and upstream "{given_copies}" is none{at_cutover}'
            hint = "if what it writes is of no effect, say sandboxed: true there; else remove allow_writes"
            yield Problem(place, message, hint)


def an_ignore_has_one_subject(draft: Draft) -> Iterator[Problem]:
    for location, compare in _compares(draft):
        for number, rule in enumerate(compare.ignore):
            if sum(one is not None for one in (rule.path, rule.header, rule.css)) != 1:
                place = draft.document.place((*location, "ignore", number))
                yield Problem(place, "an entry of ignore needs one of path, header and css, and only one")


def compared_headers_are_named_once(draft: Draft) -> Iterator[Problem]:
    for location, compare in _compares(draft):
        seen: set[str] = set()
        for number, name in enumerate(compare.headers):
            if name.lower() in seen and "headers" in compare.model_fields_set:
                place = draft.document.place((*location, "headers", number))
                yield Problem(place, f"{name} is named twice under headers: case does not matter")
            seen.add(name.lower())


def equal_statuses_are_of_one_outcome(draft: Draft) -> Iterator[Problem]:
    for location, compare in _compares(draft):
        seen: set[int] = set()
        for number, statuses in enumerate(compare.equal_status):
            place = draft.document.place((*location, "equal_status", number))
            if twice := sorted(seen.intersection(statuses)):
                yield Problem(place, f"{twice[0]} stands in two lists of equal_status", "make one list of the two")
            if not _KEPT_OUT.isdisjoint(statuses) and any(200 <= status < 300 for status in statuses):
                message = "who is let in on one side and kept out on the other is no equal outcome"
                yield Problem(place, message, "leave 401 and 403 out of a list with 2xx")
            seen.update(statuses)


def _shadowed(draft: Draft) -> Iterator[tuple[int, RouteSection]]:
    """The routes that are shadowed, or would be; of an aggregate all that is said elsewhere."""
    for index, route in draft.routes.items():
        if route.aggregate is None and (route.shadow is not None or route.stage is Stage.SHADOW):
            yield index, route


def _key(route: RouteSection) -> str:
    """The key that makes a route a shadowed one."""
    return "stage" if route.shadow is None else "shadow"


def _takes_safe(methods: list[str]) -> bool:
    return not SAFE_METHODS.isdisjoint(methods)


def _compares(draft: Draft) -> Iterator[tuple[Location, CompareSection]]:
    if draft.defaults and draft.defaults.compare:
        yield ("defaults", "compare"), draft.defaults.compare
    for index, route in draft.routes.items():
        if route.compare:
            yield ("routes", index, "compare"), route.compare


COMPARE_RULES: tuple[Callable[[Draft], Iterator[Problem]], ...] = (
    a_shadow_has_two_sides,
    a_shadow_has_something_to_copy,
    writes_go_to_a_sandbox,
    an_ignore_has_one_subject,
    compared_headers_are_named_once,
    equal_statuses_are_of_one_outcome,
)
