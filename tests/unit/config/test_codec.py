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
