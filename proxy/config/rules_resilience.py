"""Rules about what happens when an upstream does not answer: no setting that can have no effect, no write twice."""

from collections.abc import Callable, Iterator

from proxy.config.decode import Draft
from proxy.config.errors import Problem
from proxy.config.policy import BalanceBy
from proxy.config.written_route import FallbackSection, MatchSection


def total_is_not_the_shorter(draft: Draft) -> Iterator[Problem]:
    for name, upstream in draft.upstreams.items():
        timeout = upstream.timeout
        if timeout.total is None:
            continue
        for key, value in (("connect", timeout.connect), ("response", timeout.response)):
            if key in timeout.model_fields_set and value > timeout.total:
                place = draft.document.place(("upstreams", name, "timeout", key))
                yield Problem(place, f"timeout.{key} is longer than timeout.total, which ends the exchange before it")


def a_wait_needs_a_queue(draft: Draft) -> Iterator[Problem]:
    for name, upstream in draft.upstreams.items():
        bulkhead = upstream.bulkhead
        if bulkhead and not bulkhead.queue and "max_wait" in bulkhead.model_fields_set:
            place = draft.document.key_place(("upstreams", name, "bulkhead", "max_wait"))
            yield Problem(place, "nobody waits where there is no queue", "give the bulkhead a queue: how many may wait")


def a_hash_needs_a_key(draft: Draft) -> Iterator[Problem]:
    for name, upstream in draft.upstreams.items():
        balance = upstream.balance
        if balance.by is BalanceBy.CONSISTENT_HASH and balance.key is None:
            place = draft.document.place(("upstreams", name, "balance"))
            yield Problem(place, "consistent_hash needs a key", "balance: { by: consistent_hash, key: ip }")
        if balance.by is not BalanceBy.CONSISTENT_HASH and balance.key is not None:
            place = draft.document.key_place(("upstreams", name, "balance", "key"))
            yield Problem(place, f"{balance.by} goes by no key", "remove it, or write by: consistent_hash")


def fallback_needs_a_service(draft: Draft) -> Iterator[Problem]:
    for index, route in draft.routes.items():
        if route.fallback is None or route.aggregate is not None:  # of an aggregate all that is said elsewhere
            continue
        place = draft.document.key_place(("routes", index, "fallback"))
        if route.to is None:
            yield Problem(place, "a fallback takes the place of a service, and the route has no `to`", "remove it")
        elif draft.defaults and route.to == draft.defaults.legacy:
            message = f'"{route.to}" cannot take its own place: it is the legacy upstream'
            yield Problem(place, message, "name the service in `to`, or remove the fallback")


def fallback_has_a_method_to_take(draft: Draft) -> Iterator[Problem]:
    for index, route in draft.routes.items():
        if route.fallback and not any(_takes(match, route.fallback) for match in route.match):
            place = draft.document.key_place(("routes", index, "fallback"))
            methods = ", ".join(route.fallback.methods)
            yield Problem(place, f"no match of the route takes {methods}: nothing of it can fall back", "remove it")


def _takes(match: MatchSection, fallback: FallbackSection) -> bool:
    takes = {*match.methods, "HEAD"} if "GET" in match.methods else set(match.methods)
    return not match.methods or not takes.isdisjoint(fallback.methods)


RESILIENCE_RULES: tuple[Callable[[Draft], Iterator[Problem]], ...] = (
    total_is_not_the_shorter,
    a_wait_needs_a_queue,
    a_hash_needs_a_key,
    fallback_needs_a_service,
    fallback_has_a_method_to_take,
)
