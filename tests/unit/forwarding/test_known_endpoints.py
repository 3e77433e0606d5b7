"""What is known of endpoints, as values and as JSON."""

import json

import pytest

from proxy.config.model import Discover, DiscoverKind, Endpoint, Upstream, UpstreamTls
from proxy.forwarding.known_endpoints import MAX_ENDPOINTS, Known, discovered_tls, from_json, to_json

ENDPOINTS = (Endpoint("http", "192.0.2.1", 8101), Endpoint("https", "2001:db8::1", 443, "/v1"))


def test_what_was_written_is_read_back() -> None:
    known = {"orders": Known(ENDPOINTS, frozenset({ENDPOINTS[0].url}), "dns://orders:8101"), "payments": Known(())}
    assert from_json(json.loads(json.dumps(to_json(known)))) == known


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"orders": None},
        {"orders": {"endpoints": []}},
        {"orders": {"endpoints": ["nonsense"], "unhealthy": [], "source": ""}},
        {"orders": {"endpoints": [7], "unhealthy": [], "source": ""}},
        {"orders": {"endpoints": ["http://a"] * (MAX_ENDPOINTS + 1), "unhealthy": [], "source": ""}},
    ],
    ids=lambda value: str(value)[:50],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"upstreams|endpoints"):
        from_json(value)


@pytest.mark.parametrize(
    ("found", "own", "name"),
    [
        (Discover(DiscoverKind.DNS, "orders.internal", 443), None, "orders.internal"),
        (Discover(DiscoverKind.SRV, "_https._tcp.orders.internal"), None, "orders.internal"),
        (Discover(DiscoverKind.SRV, "_https._tcp.orders.internal"), "orders.example", "orders.example"),
        (Discover(DiscoverKind.FILE, path="/e.yaml"), None, None),
        (None, None, None),
    ],
    ids=str,
)
def test_an_endpoint_found_by_name_is_held_to_the_name(found: Discover | None, own: str | None, name: str) -> None:
    upstream = Upstream("orders", (), tls=UpstreamTls(ca="/ca.pem", server_name=own), discover=found)
    assert discovered_tls(upstream) == UpstreamTls(ca="/ca.pem", server_name=name)
