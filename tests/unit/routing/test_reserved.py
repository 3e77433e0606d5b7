"""Paths that are never routed."""

import pytest

from proxy.routing.reserved import is_internal


@pytest.mark.parametrize("path", ["/internal", "/internal/", "/internal/sync/fence"])
def test_internal_and_all_below_it_is_reserved(path: str) -> None:
    assert is_internal(path)


@pytest.mark.parametrize("path", ["/", "/internals", "/internal-news", "/a/internal", "/Internal", "*"])
def test_other_paths_are_not(path: str) -> None:
    assert not is_internal(path)
