"""What is known of upstreams by asking around: the endpoints that discovery found, and those that probes find unwell.

Plain values and their JSON form, which goes to the workers and is kept in files. Nobody is asked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from proxy.config.addresses import endpoint
from proxy.config.model import MAX_ENDPOINTS, DiscoverKind, Endpoint, Upstream, UpstreamTls
from proxy.config.refused import Refused


@dataclass(frozen=True, slots=True)
class Known:
    """Of one upstream. `unhealthy` are URLs; `source` is where endpoints were found, in the words of routes.yaml."""

    endpoints: tuple[Endpoint, ...]
    unhealthy: frozenset[str] = frozenset()
    source: str = ""


def to_json(known: Mapping[str, Known]) -> dict[str, Any]:
    """By upstream: `{endpoints: [URL], unhealthy: [URL], source}`."""
    return {
        name: {
            "endpoints": [each.url for each in one.endpoints],
            "unhealthy": sorted(one.unhealthy),
            "source": one.source,
        }
        for name, one in known.items()
    }


def from_json(upstreams: object) -> dict[str, Known]:
    """What `to_json` wrote. Raises ValueError when it is anything else, as a file may be that others can reach."""
    if not isinstance(upstreams, dict):
        raise ValueError("upstreams are not an object")  # noqa: TRY004 - what was read is wrong, not our program
    try:
        return {str(name): _known(one) for name, one in upstreams.items()}
    except (KeyError, TypeError, Refused) as error:
        raise ValueError(f"not a list of endpoints: {error!r}") from error


def _known(one: Mapping[str, Any]) -> Known:
    if len(one["endpoints"]) > MAX_ENDPOINTS:
        raise TypeError("too many endpoints")
    found = tuple(endpoint(url) for url in one["endpoints"])
    return Known(found, frozenset(map(str, one["unhealthy"])), str(one["source"]))


def discovered_tls(upstream: Upstream) -> UpstreamTls:
    """How endpoints of an upstream are verified: those found by name hold a certificate for the name, not the address.

    With SRV that is the name behind the service and protocol labels: the answer's targets are the name server's word
    alone, and must not decide whom we believe (RFC 6125 section 6.2.1).
    """
    found = upstream.discover
    if found is None or found.kind is DiscoverKind.FILE or upstream.tls.server_name:
        return upstream.tls
    labels = found.name.split(".")
    while labels[0].startswith("_") and len(labels) > 1:
        labels.pop(0)
    return replace(upstream.tls, server_name=".".join(labels))
