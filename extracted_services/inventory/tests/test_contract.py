from typing import Any

import httpx
import pytest
import yaml

from extracted_services.chassis.web.contract import CONTRACT, take_part
from extracted_services.inventory.bootstrap import TAGS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def part(api: httpx.AsyncClient) -> dict[str, Any]:
    """The contract as the service itself gives it out."""
    answer = await api.get("/openapi.yaml")
    assert answer.headers["content-type"] == "application/yaml"
    document: dict[str, Any] = yaml.safe_load(answer.content)
    return document


async def test_it_gives_out_the_paths_it_serves_and_no_others(part: dict[str, Any]) -> None:
    assert list(part["paths"]) == [
        "/api/products",
        "/api/products/{sku}",
        "/api/stock",
        "/api/stock/{sku}",
        "/api/reservations",
        "/api/reservations/{reservation_id}",
        "/api/reservations/{reservation_id}/commit",
        "/api/reservations/{reservation_id}/release",
    ]
    assert [tag["name"] for tag in part["tags"]] == list(TAGS)
    assert "Order" not in part["components"]["schemas"]
    assert {"Product", "StockLevel", "Reservation", "Problem", "Sku", "Money"} <= set(part["components"]["schemas"])


def test_what_it_gives_out_is_the_contracts_own_text() -> None:
    whole = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    part = take_part(whole, TAGS)

    assert part["paths"]["/api/products"] == whole["paths"]["/api/products"]
    assert part["components"]["schemas"]["Product"] == whole["components"]["schemas"]["Product"]
