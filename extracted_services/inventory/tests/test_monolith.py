import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from extracted_services.chassis.paging import Page
from extracted_services.inventory.adapters.monolith import (
    ATTEMPTS,
    LONGEST_PAUSE_SECONDS,
    Monolith,
    _Product,
    _StockLevel,
    _to_product,
    _to_stock_level,
)
from extracted_services.inventory.adapters.states import show_product
from extracted_services.inventory.domain.model import Category, Product, StockLevel
from extracted_services.inventory.entrypoints.representations import show_stock_level
from extracted_services.inventory.service_layer.ports import SourceInvalid, SourceUnreachable
from extracted_services.inventory.tests.shop import MORNING, level, product

pytestmark = pytest.mark.anyio
URL = "http://shop.test"
PRODUCTS = f"{URL}/api/products"

MOMENTS = st.integers(0, 10**12).map(lambda milliseconds: MORNING + timedelta(milliseconds=milliseconds))


@pytest.fixture
def shop() -> respx.Router:
    return respx.Router(assert_all_called=False)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
async def monolith(shop: respx.Router, pauses: list[float]) -> AsyncIterator[Monolith]:
    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async with httpx.AsyncClient(transport=httpx.MockTransport(shop.async_handler), base_url=URL) as client:
        yield Monolith(client, pause=pause, draw=lambda: 1.0)


def listing(*items: dict[str, Any], next_cursor: str | None = None) -> dict[str, Any]:
    return {"items": list(items), "next": next_cursor}


async def test_pages_are_as_large_as_the_contract_allows(monolith: Monolith, shop: respx.Router) -> None:
    route = shop.get(PRODUCTS).respond(json=listing(show_product(product("A")), next_cursor="QQ"))

    page = await monolith.read_products("cursor")

    assert page == Page((product("A"),), "QQ")
    assert dict(route.calls.last.request.url.params) == {"limit": "100", "cursor": "cursor"}


async def test_the_first_page_is_asked_for_without_a_cursor(monolith: Monolith, shop: respx.Router) -> None:
    route = shop.get(f"{URL}/api/stock").respond(json=listing(show_stock_level(level("A"))))

    assert await monolith.read_stock(None) == Page((level("A"),), None)
    assert "cursor" not in route.calls.last.request.url.params


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("silent"),
        httpx.RemoteProtocolError("cut"),
        500,
        502,
        503,
        504,
        429,
    ],
)
async def test_a_failed_read_is_tried_again_after_a_growing_pause(
    monolith: Monolith, shop: respx.Router, pauses: list[float], trouble: Exception | int
) -> None:
    failing = httpx.Response(trouble) if isinstance(trouble, int) else trouble
    shop.get(PRODUCTS).side_effect = [failing, failing, failing, httpx.Response(200, json=listing())]

    assert await monolith.read_products(None) == Page((), None)
    assert pauses == [0.5, 1.0, 2.0]


async def test_it_gives_up_after_some_tries(monolith: Monolith, shop: respx.Router, pauses: list[float]) -> None:
    route = shop.get(PRODUCTS).mock(side_effect=httpx.ConnectError("refused"))

    with pytest.raises(SourceUnreachable, match=r"refused \(6 tries\)"):
        await monolith.read_products(None)
    assert route.call_count == ATTEMPTS
    assert max(pauses) <= LONGEST_PAUSE_SECONDS


@pytest.mark.parametrize("status", [400, 401, 403, 404, 301])
async def test_an_answer_that_will_not_change_is_not_asked_for_again(
    monolith: Monolith, shop: respx.Router, status: int
) -> None:
    route = shop.get(PRODUCTS).respond(status, headers={"Location": "http://elsewhere.test/"})

    with pytest.raises(SourceUnreachable, match=f"answered with {status}"):
        await monolith.read_products(None)
    assert route.call_count == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sku": "mug"}, r"items\[0\]\.sku"),
        ({"price": {"amount": "14.9", "currency": "EUR"}}, r"items\[0\]\.price\.amount"),
        ({"price": {"amount": 14.9, "currency": "EUR"}}, r"items\[0\]\.price\.amount"),
        ({"price": {"amount": "14.90", "currency": "USD"}}, r"items\[0\]\.price\.currency"),
        ({"updated_at": "2026-03-01T09:30:00Z"}, r"items\[0\]\.updated_at"),
        ({"updated_at": "2026-03-01T09:30:00.000+01:00"}, r"items\[0\]\.updated_at"),
        ({"updated_at": "2026-13-01T09:30:00.000Z"}, r"items\[0\]\.updated_at"),
        ({"image": "http://elsewhere.test/a.png"}, r"items\[0\]\.image"),
        ({"tags": None}, r"items\[0\]\.tags"),
        ({"colour": "blue"}, r"items\[0\]\.colour"),
    ],
)
async def test_a_product_that_breaks_the_contract_is_refused(
    monolith: Monolith, shop: respx.Router, change: dict[str, Any], complaint: str
) -> None:
    shop.get(PRODUCTS).respond(json=listing(show_product(product("A")) | change))

    with pytest.raises(SourceInvalid, match=complaint):
        await monolith.read_products(None)


async def test_a_stock_level_that_does_not_add_up_is_refused(monolith: Monolith, shop: respx.Router) -> None:
    shop.get(f"{URL}/api/stock").respond(json=listing(show_stock_level(level("A")) | {"available": 1}))

    with pytest.raises(SourceInvalid, match="on_hand less reserved"):
        await monolith.read_stock(None)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"items":[]}', b'{"items":{},"next":null}'])
async def test_what_is_not_a_list_is_refused(monolith: Monolith, shop: respx.Router, body: bytes) -> None:
    shop.get(PRODUCTS).respond(content=body)

    with pytest.raises(SourceInvalid):
        await monolith.read_products(None)


@given(
    st.builds(
        Product,
        sku=st.just("MUG-1"),
        name=st.text(max_size=120),
        description=st.text(),
        category=st.builds(Category, slug=st.text(max_size=50), name=st.text(max_size=80)),
        price_cents=st.integers(0, 9_999_999_999),
        tags=st.lists(st.text()).map(tuple),
        image=st.none() | st.text().map(lambda rest: f"/media/{rest}"),
        updated_at=MOMENTS,
    )
)
def test_a_product_survives_the_way_through_json(item: Product) -> None:
    assert _to_product(_Product.model_validate_json(json.dumps(show_product(item)))) == item


@given(st.integers(0, 10**6), st.integers(0, 10**6), MOMENTS)
def test_a_stock_level_survives_the_way_through_json(reserved: int, available: int, moment: Any) -> None:
    item = StockLevel("MUG-1", reserved + available, reserved, moment)

    assert _to_stock_level(_StockLevel.model_validate_json(json.dumps(show_stock_level(item)))) == item
