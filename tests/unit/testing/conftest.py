"""A pytest within pytest, with two small shops to ask."""

from collections.abc import Iterator

import pytest

from proxy.config import assemble, decode
from proxy.testing import both, recorded, sides
from tests.support.two_shops import TwoShops, two_shops

KEPT_LOADED = (assemble, both, decode, recorded, sides)
"""A run within a run forgets what it was the first to import: this saves two seconds each."""


@pytest.fixture(scope="module")
def shops() -> Iterator[TwoShops]:
    with two_shops() as shops:
        yield shops


@pytest.fixture
def run(pytester: pytest.Pytester, shops: TwoShops, monkeypatch: pytest.MonkeyPatch) -> "Run":
    monkeypatch.delenv("STRANGLER_CONFIG", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others take seconds to load
    shops.asked.clear()
    return Run(pytester, shops)


class Run:
    """Runs one test module against the two shops."""

    def __init__(self, pytester: pytest.Pytester, shops: TwoShops) -> None:
        self.pytester = pytester
        self.shops = shops

    def __call__(self, source: str, *options: str, sides: bool = True) -> pytest.RunResult:
        self.pytester.makepyfile(source)
        urls = ["--strangler-legacy", self.shops.legacy, "--strangler-service", self.shops.service] if sides else []
        strict = ["-W", "error", "--strict-markers", "-p", "no:cacheprovider"]
        return self.pytester.runpytest("-p", "strangler", *strict, *urls, *options)
