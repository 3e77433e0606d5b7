"""Rows that may be there already, in the words of either database. Which of two rows is right is decided elsewhere."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def insert_missing(connection: AsyncConnection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert the row if its key is not there; whether that was so."""
    statement = _insert(connection, table).values(row).on_conflict_do_nothing().returning(*table.primary_key)
    return (await connection.execute(statement)).first() is not None


async def put(connection: AsyncConnection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert the row, or make the one with its key equal to it."""
    key = [column.name for column in table.primary_key]
    rest = {name: value for name, value in row.items() if name not in key}
    statement = _insert(connection, table).values(row).on_conflict_do_update(index_elements=key, set_=rest)
    await connection.execute(statement)


def _insert(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
