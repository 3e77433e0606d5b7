"""Reads the monolith's public API. The only place that knows its address or talks to the network.

A page that is not exactly what the contract describes is refused whole: a field that was dropped or bent
here would be a difference that no one looks for.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Literal, Self, TypeVar

import httpx
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from extracted_services.chassis.paging import Page, is_sku
from extracted_services.inventory.domain.model import Category, Product, StockLevel
from extracted_services.inventory.service_layer.ports import SourceInvalid, SourceUnreachable

PAGE_SIZE = 100  # the largest the contract allows
ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 8.0
WORTH_ANOTHER_TRY = frozenset({429, 500, 502, 503, 504})


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _check_sku(text: str) -> str:
    if not is_sku(text):
        raise ValueError("is not a SKU")
    return text


def _read_moment(text: object) -> datetime:
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text, re.ASCII):
        raise ValueError("is not a UTC time with milliseconds")
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)


Sku = Annotated[str, AfterValidator(_check_sku)]
Moment = Annotated[datetime, BeforeValidator(_read_moment)]
Pieces = Annotated[int, Field(ge=0)]


class _Category(_Wire):
    slug: Annotated[str, Field(max_length=50)]
    name: Annotated[str, Field(max_length=80)]


class _Money(_Wire):
    amount: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,7})\.[0-9]{2}$")]
    currency: Literal["EUR"]


class _Product(_Wire):
    sku: Sku
    name: Annotated[str, Field(max_length=120)]
    description: str
    category: _Category
    price: _Money
    tags: list[str]
    image: Annotated[str, Field(pattern=r"^/media/")] | None
    updated_at: Moment


class _StockLevel(_Wire):
    sku: Sku
    on_hand: Pieces
    reserved: Pieces
    available: Pieces
    updated_at: Moment

    @model_validator(mode="after")
    def _check_sum(self) -> Self:
        if self.available != self.on_hand - self.reserved:
            raise ValueError("available is not on_hand less reserved")
        return self


class _Products(_Wire):
    items: list[_Product]
    next: str | None


class _StockLevels(_Wire):
    items: list[_StockLevel]
    next: str | None


_draw = random.SystemRandom().random

W = TypeVar("W", _Products, _StockLevels)


class Monolith:
    """The `Source` port on the monolith's API. Reads are repeated, since a read that failed did nothing."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        draw: Callable[[], float] = _draw,
    ) -> None:
        self._client = client
        self._pause = pause
        self._draw = draw

    @property
    def name(self) -> str:
        return str(self._client.base_url).rstrip("/")

    async def read_products(self, cursor: str | None) -> Page[Product]:
        page = await self._read("/api/products", cursor, _Products)
        return Page(tuple(_to_product(item) for item in page.items), page.next)

    async def read_stock(self, cursor: str | None) -> Page[StockLevel]:
        page = await self._read("/api/stock", cursor, _StockLevels)
        return Page(tuple(_to_stock_level(item) for item in page.items), page.next)

    async def _read(self, path: str, cursor: str | None, shape: type[W]) -> W:
        parameters = {"limit": str(PAGE_SIZE)} | ({"cursor": cursor} if cursor else {})
        response = await self._get(path, parameters)
        try:
            return shape.model_validate_json(response.content)
        except ValidationError as problem:
            raise SourceInvalid(f"GET {path}: {_describe(problem)}") from None

    async def _get(self, path: str, parameters: dict[str, str]) -> httpx.Response:
        failure = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._pause(self._draw() * min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt))
            try:
                response = await self._client.get(path, params=parameters)
            except httpx.TransportError as problem:
                failure = str(problem) or type(problem).__name__
                continue
            if response.status_code == httpx.codes.OK:
                return response
            failure = f"GET {path} was answered with {response.status_code}"
            if response.status_code not in WORTH_ANOTHER_TRY:
                raise SourceUnreachable(failure)
        raise SourceUnreachable(f"{failure} ({ATTEMPTS} tries)")


def open_client(url: str, timeout_seconds: float, headers: dict[str, str]) -> httpx.AsyncClient:
    """A client for one monolith; it follows no redirect and asks no environment for a proxy."""
    return httpx.AsyncClient(base_url=url, timeout=timeout_seconds, headers=headers, trust_env=False)


def _to_product(wire: _Product) -> Product:
    whole, cents = wire.price.amount.split(".")
    return Product(
        sku=wire.sku,
        name=wire.name,
        description=wire.description,
        category=Category(wire.category.slug, wire.category.name),
        price_cents=int(whole) * 100 + int(cents),
        tags=tuple(wire.tags),
        image=wire.image,
        updated_at=wire.updated_at,
    )


def _to_stock_level(wire: _StockLevel) -> StockLevel:
    return StockLevel(wire.sku, wire.on_hand, wire.reserved, wire.updated_at)


def _describe(problem: ValidationError) -> str:
    first = problem.errors(include_url=False, include_input=False)[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    more = problem.error_count() - 1
    return f"{place or 'body'}: {first['msg']}" + (f" (and {more} more)" if more else "")
