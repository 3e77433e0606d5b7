"""Reads products and stock from the database: one SELECT each, along an index, never more than a page."""

from typing import Any

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import reading
from extracted_services.chassis.paging import Page, cut_page
from extracted_services.inventory.adapters.rows import PRODUCTS, STOCK, Shelf
from extracted_services.inventory.domain.backfill import Item
from extracted_services.inventory.domain.model import Product, StockLevel


class SqlCatalogue:
    """The `Catalogue` port."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list_products(
        self, after: str, limit: int, category: str | None, words: tuple[str, ...]
    ) -> Page[Product]:
        table = PRODUCTS.table
        query = select(table).where(table.c.removed.is_(False))
        if category is not None:
            query = query.where(table.c.category_slug == category)
        for word in words:
            query = query.where(table.c.search_text.contains(word, autoescape=True))
        return await self._list(PRODUCTS, query, after, limit)

    async def find_product(self, sku: str) -> Product | None:
        return await self._find(PRODUCTS, PRODUCTS.table.c.removed.is_(False), sku)

    async def list_stock(self, after: str, limit: int) -> Page[StockLevel]:
        return await self._list(STOCK, select(STOCK.table).where(_is_for_sale()), after, limit)

    async def find_stock(self, sku: str) -> StockLevel | None:
        return await self._find(STOCK, _is_for_sale(), sku)

    async def _list(self, shelf: Shelf[Item], query: Select[Any], after: str, limit: int) -> Page[Item]:
        key = shelf.table.c.sku
        query = query.where(key > after).order_by(key).limit(limit + 1)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query)).all()
        return cut_page([shelf.read(row) for row in rows], limit, lambda item: item.sku)

    async def _find(self, shelf: Shelf[Item], condition: ColumnElement[bool], sku: str) -> Item | None:
        query = select(shelf.table).where(shelf.table.c.sku == sku, condition)
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else shelf.read(row)


def _is_for_sale() -> ColumnElement[bool]:
    """A level whose product can be bought."""
    table = PRODUCTS.table
    return exists().where(table.c.sku == STOCK.table.c.sku, table.c.removed.is_(False))
