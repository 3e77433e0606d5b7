"""Both sides as real processes on data of their own, filled alike, and what the tests say of the shop."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from proxy.testing import Both, SideClient, Sides
from tests.contract.quartet import quartet_urls
from tests.support.processes import ROOT

PASSWORDS: Final = {"alice": "alice-pass", "bob": "bob-pass", "admin": "admin-pass"}
OF_EACH_SIDE: Final = ("$..created_at", "$..updated_at")
"""When each side did what it was asked: no two are alike."""


@pytest.fixture(scope="session")
def strangler_sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    """The monolith, and for each request the service that the shop's own routes.yaml names for it."""
    with quartet_urls(tmp_path_factory.mktemp("side-by-side")) as urls:
        yield Sides(urls.pop("legacy"), urls, ROOT / "routes.yaml")


class Shop:
    """What the tests do at the shop, as one of its users or another."""

    def __init__(self, both: Both, legacy: SideClient) -> None:
        self.both = both
        self._legacy = legacy

    def log_in(self, who: str | None) -> None:
        """The monolith alone hands out tokens, and both sides take them."""
        self.both.headers.pop("Authorization", None)
        if who is not None:
            answer = self._legacy.post("/api/token", json={"username": who, "password": PASSWORDS[who]})
            self.both.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def skus(self) -> list[str]:
        """The best stocked first."""
        levels = self.both.get("/api/stock", params={"limit": 100}).assert_same().json()["items"]
        return [level["sku"] for level in sorted(levels.legacy, key=lambda level: -level["available"])]


@pytest.fixture
def shop(both: Both, legacy: SideClient) -> Shop:
    both.ignore += OF_EACH_SIDE
    return Shop(both, legacy)


@pytest.fixture
def order(shop: Shop) -> dict[str, Any]:
    """What a customer sends for two of what there is most of."""
    return {
        "lines": [{"sku": shop.skus()[0], "quantity": 2}],
        "shipping_address": {"name": "A", "street": "B", "postcode": "1050", "city": "C", "country": "DK"},
        "card": {"number": "4242424242424242"},
    }
