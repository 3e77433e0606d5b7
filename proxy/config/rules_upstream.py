"""Rules about where an upstream is: that it says so once, and that its endpoints and its TLS fit together."""

from collections.abc import Callable, Iterator

from proxy.config.decode import Draft
from proxy.config.errors import Problem
from proxy.config.model import DiscoverKind, Endpoint
from proxy.config.nodes import Location
from proxy.config.written_upstream import UpstreamSection


def upstream_has_one_source(draft: Draft) -> Iterator[Problem]:
    for name, upstream in draft.upstreams.items():
        if sum(source is not None for source in (upstream.url, upstream.targets, upstream.discover)) != 1:
            place = draft.document.key_place(("upstreams", name))
            yield Problem(place, f'upstream "{name}" needs one of url, targets and discover, and only one')


def endpoints_are_distinct(draft: Draft) -> Iterator[Problem]:
    for name, upstream in draft.upstreams.items():
        seen: set[Endpoint] = set()
        for index, endpoint in enumerate(upstream.targets or ()):
            if endpoint in seen:
                place = draft.document.place(("upstreams", name, "targets", index))
                yield Problem(place, f'upstream "{name}" has this endpoint twice')
            seen.add(endpoint)


def tls_needs_https(draft: Draft) -> Iterator[Problem]:
    for name, upstream in draft.upstreams.items():
        if upstream.tls is None:
            continue
        location: Location = ("upstreams", name, "tls")
        addresses = endpoints_of(upstream)
        if addresses and not any(endpoint.scheme == "https" for _, endpoint in addresses):
            message = f'upstream "{name}" has tls settings, and no https URL'
            yield Problem(draft.document.key_place(location), message)
        if upstream.tls.ca and not upstream.tls.verify:
            message = "ca is never read when verify is false"
            yield Problem(draft.document.key_place((*location, "ca")), message, "remove one of them")


def a_file_needs_no_resolver(draft: Draft) -> Iterator[Problem]:
    for name, upstream in draft.upstreams.items():
        found = upstream.discover
        if found and found.resolver and found.url.kind is DiscoverKind.FILE:
            place = draft.document.key_place(("upstreams", name, "discover", "resolver"))
            yield Problem(place, "a resolver is never asked where endpoints are in a file", "remove it")


def endpoints_of(upstream: UpstreamSection) -> list[tuple[Location, Endpoint]]:
    """Every endpoint of an upstream, and where below the upstream it is written."""
    one: list[tuple[Location, Endpoint]] = [(("url",), upstream.url)] if upstream.url else []
    return one + [(("targets", index), endpoint) for index, endpoint in enumerate(upstream.targets or ())]


UPSTREAM_RULES: tuple[Callable[[Draft], Iterator[Problem]], ...] = (
    upstream_has_one_source,
    endpoints_are_distinct,
    tls_needs_https,
    a_file_needs_no_resolver,
)
