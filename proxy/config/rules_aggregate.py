"""Rules about routes whose answer is composed of several: what they cannot have, and what their parts may name."""

from collections.abc import Callable, Iterator

from proxy.config.decode import Draft
from proxy.config.errors import Problem
from proxy.config.model import PathKind, Stage
from proxy.config.nodes import Location
from proxy.config.patterns import placeholders
from proxy.config.template import path_names
from proxy.config.written_route import RouteSection

METHODS = ("GET", "HEAD")

_NOT_OF_AN_AGGREGATE = {
    "to": "its parts name their upstreams",
    "rewrite": "each part says what it is asked for",
    "headers": "what its parts are sent and what it answers is fixed",
    "fallback": "a part that fails has its default",
    "shadow": "the monolith has no such answer to compare it with",
    "compare": "the monolith has no such answer to compare it with",
    "canary": "it is served from the day it is written",
    "writes": "it only reads",
    "respond": "it is never retired: remove the route when nobody needs it",
    "upgrades": "it opens no tunnel",
    "limits": "it takes no body",
}


def an_aggregate_has_only_parts(draft: Draft) -> Iterator[Problem]:
    for index, route in _aggregates(draft):
        for key, why in _NOT_OF_AN_AGGREGATE.items():
            if key in route.model_fields_set:
                place = draft.document.key_place(("routes", index, key))
                yield Problem(place, f'an aggregate has no "{key}": {why}', "remove it")


def an_aggregate_is_at_one_side(draft: Draft) -> Iterator[Problem]:
    for index, route in _aggregates(draft):
        if route.stage not in (Stage.LEGACY, Stage.CUTOVER):
            place = draft.document.place(("routes", index, "stage"))
            hint = "remove the route when nobody needs it" if route.stage is Stage.RETIRED else None
            yield Problem(place, "an aggregate is at cutover or at legacy", hint)


def an_aggregate_only_reads(draft: Draft) -> Iterator[Problem]:
    for index, route in _aggregates(draft):
        for number, match in enumerate(route.match):
            if other := next((method for method in match.methods if method not in METHODS), None):
                place = draft.document.place(("routes", index, "match", number, "methods"))
                yield Problem(place, f"an aggregate answers GET and HEAD, not {other}", "leave the methods out")


def parts_are_of_an_upstream(draft: Draft) -> Iterator[Problem]:
    for index, route in _aggregates(draft):
        for name, part in (route.aggregate or {}).items():
            yield from draft.unknown_upstream(("routes", index, "aggregate", name, "from"), part.upstream)


def parts_use_names_of_the_path(draft: Draft) -> Iterator[Problem]:
    for index, route in _aggregates(draft):
        for part, section in (route.aggregate or {}).items():
            location: Location = ("routes", index, "aggregate", part, "get")
            for name in path_names(section.get):
                if not all(name in known for known in _known_names(route)):
                    message = f"{{{name}}} is not in the path of every match of this route"
                    hint = f"a value of the query is written {{query.{name}}}"
                    yield Problem(draft.document.place(location), message, hint)


def a_required_part_has_no_default(draft: Draft) -> Iterator[Problem]:
    for index, route in _aggregates(draft):
        for name, part in (route.aggregate or {}).items():
            if part.required and "default" in part.model_fields_set:
                place = draft.document.key_place(("routes", index, "aggregate", name, "default"))
                yield Problem(place, "the default of a required part is never used", "remove one of them")


def _aggregates(draft: Draft) -> Iterator[tuple[int, RouteSection]]:
    return ((index, route) for index, route in draft.routes.items() if route.aggregate is not None)


def _known_names(route: RouteSection) -> Iterator[tuple[str, ...]]:
    """For each match of `route` the names that its path fills."""
    for match in route.match:
        yield placeholders(match.path.text) if match.path and match.path.kind is not PathKind.REGEX else ()


AGGREGATE_RULES: tuple[Callable[[Draft], Iterator[Problem]], ...] = (
    an_aggregate_has_only_parts,
    an_aggregate_is_at_one_side,
    an_aggregate_only_reads,
    parts_are_of_an_upstream,
    parts_use_names_of_the_path,
    a_required_part_has_no_default,
)
