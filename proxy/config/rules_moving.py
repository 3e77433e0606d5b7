"""Rules about moving: a canary only reads, steps lead upwards, and every entity has one writer at a time."""

import re
from collections.abc import Callable, Iterator

from proxy.config.decode import Draft
from proxy.config.errors import Problem
from proxy.config.model import Stage
from proxy.config.nodes import Location
from proxy.config.values import NAME, format_share
from proxy.config.written_moving import CanarySection, GatesSection, WritesSection
from proxy.config.written_route import RouteSection


def a_canary_only_reads(draft: Draft) -> Iterator[Problem]:
    for index, route in draft.routes.items():
        if route.writes is None:
            continue
        hint = "it goes from legacy, or shadow, to cutover by strangler handover"
        if route.stage is Stage.CANARY:
            place = draft.document.key_place(("routes", index, "stage"))
            yield Problem(place, f'route "{route.name}" writes, and cannot be at canary: two sides would write', hint)
        if route.canary is not None:
            place = draft.document.key_place(("routes", index, "canary"))
            yield Problem(place, f'route "{route.name}" writes, and has no canary: two sides would write', hint)


def a_canary_has_two_sides(draft: Draft) -> Iterator[Problem]:
    for index, route in draft.routes.items():
        if route.stage is Stage.CANARY and draft.defaults and route.to == draft.defaults.legacy:
            place = draft.document.place(("routes", index, "to"))
            yield Problem(
                place, f'"{route.to}" is the legacy upstream: there is no side to move to', "name the service"
            )


def steps_lead_upwards(draft: Draft) -> Iterator[Problem]:
    for location, canary in _canaries(draft):
        for number in range(1, len(canary.steps)):
            before, step = canary.steps[number - 1], canary.steps[number]
            if step <= before:
                place = draft.document.place((*location, "steps", number))
                yield Problem(place, f"{format_share(step)} is not above the step before, {format_share(before)}")


def nobody_is_allowed_and_denied(draft: Draft) -> Iterator[Problem]:
    for location, canary in _canaries(draft):
        for number, key in enumerate(canary.deny):
            if key in canary.allow:
                place = draft.document.place((*location, "deny", number))
                yield Problem(place, f"{draft.shown((*location, 'deny', number))} stands under allow too")


def custom_gates_have_names(draft: Draft) -> Iterator[Problem]:
    for location, gates in _gates(draft):
        for name in gates.custom:
            if not re.fullmatch(NAME, name):
                place = draft.document.key_place((*location, name))
                yield Problem(place, f'"{name}" is not a name: small letters, digits, . _ - and at most 64 of them')


def writers_of_an_entity_move_together(draft: Draft) -> Iterator[Problem]:
    """Of all routes that write an entity, none is where the others are not."""
    first: dict[str, tuple[RouteSection, bool]] = {}
    for index, route, writes in _writers(draft):
        at_service = route.stage is Stage.CUTOVER
        for number, entity in enumerate(writes.entities):
            other, there = first.setdefault(entity, (route, at_service))
            if route.stage is not Stage.RETIRED and other.stage is not Stage.RETIRED and there is not at_service:
                place = draft.document.place(("routes", index, "writes", "entities", number))
                sides = {True: "the service", False: "the monolith"}
                message = (
                    f'"{entity}" has two writers: {sides[at_service]} by route "{route.name}", '
                    f'{sides[there]} by route "{other.name}"'
                )
                yield Problem(place, message, "what is written by several routes moves in one handover")


def writers_of_a_group_all_have_a_service(draft: Draft) -> Iterator[Problem]:
    """A group that can move must not leave behind somebody who writes the same."""
    movable = {
        entity: route
        for _, route, writes in _writers(draft)
        if route.group is not None and route.to is not None
        for entity in writes.entities
    }
    for index, route, writes in _writers(draft):
        if route.to is not None or route.stage is Stage.RETIRED:
            continue
        for number, entity in enumerate(writes.entities):
            if (other := movable.get(entity)) is not None:
                place = draft.document.place(("routes", index, "writes", "entities", number))
                message = (
                    f'route "{route.name}" writes "{entity}" and has no "to", while group "{other.group}" moves it'
                )
                yield Problem(place, message, f'name the service of "{route.name}", so that both move together')


def _writers(draft: Draft) -> Iterator[tuple[int, RouteSection, WritesSection]]:
    for index, route in draft.routes.items():
        if route.writes is not None:
            yield index, route, route.writes


def _canaries(draft: Draft) -> Iterator[tuple[Location, CanarySection]]:
    for index, route in draft.routes.items():
        if route.canary is not None:
            yield ("routes", index, "canary"), route.canary


def _gates(draft: Draft) -> Iterator[tuple[Location, GatesSection]]:
    if draft.defaults and draft.defaults.gates:
        yield ("defaults", "gates"), draft.defaults.gates
    for index, route in draft.routes.items():
        if route.gates:
            yield ("routes", index, "gates"), route.gates


MOVING_RULES: tuple[Callable[[Draft], Iterator[Problem]], ...] = (
    a_canary_only_reads,
    a_canary_has_two_sides,
    steps_lead_upwards,
    nobody_is_allowed_and_denied,
    custom_gates_have_names,
    writers_of_an_entity_move_together,
    writers_of_a_group_all_have_a_service,
)
