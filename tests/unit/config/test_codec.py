"""A snapshot as JSON between our own processes."""

import pytest

from proxy.config.codec import dump_snapshot, load_snapshot
from tests.support.routes_yaml import BASE, load


def test_what_is_not_a_snapshot_is_a_value_error() -> None:
    for data in (b"", b"{}", b"[]", b"\xff", b'{"revision": 1}'):
        with pytest.raises(ValueError, match=r".+"):
            load_snapshot(data)


def test_a_snapshot_comes_back_with_its_places() -> None:
    snapshot = load(BASE + "routes:\n  - { name: r, match: GET /a }\n")
    loaded = load_snapshot(dump_snapshot(snapshot))
    assert loaded == snapshot
    assert str(loaded.routes[0].matches[0].place) == "routes.yaml:7:23"


def test_every_setting_of_resilience_comes_back() -> None:
    text = BASE.replace(
        'url: "http://127.0.0.1:8101"',
        """discover: { url: "dns://h:1", resolver: "127.0.0.1:53" }, timeout: { total: 9s }, retry: {}, breaker: {},
    bulkhead: { max_in_flight: 3 }, balance: { by: consistent_hash, key: { cookie: sid } }, slow_start: 1s,
    health: { path: /ok, expect: [2xx, 404] }""",
    )
    routes = """\
routes:
  - { name: r, match: /a, to: orders, fallback: {}, rate_limit: { rate: 5/m, key: { header: X-A } } }
  - name: s
    match: "/s/{id}"
    aggregate:
      a: { from: orders, get: "/a/{id}", timeout: 1s, default: { b: [null, 1.5, true, "x"] } }
"""
    snapshot = load(text + routes)
    assert load_snapshot(dump_snapshot(snapshot)) == snapshot
