"""How a database's shape differs from the tables the code uses: what is missing or of another kind, in plain words.

What the code does not need is no drift: other tables, additional indexes, columns that may stay empty.
"""

from collections.abc import Iterator
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData


def find_differences(connection: Connection, metadata: MetaData) -> list[str]:
    """One phrase for each difference, such as "the column orders.reason is missing"."""

    def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
        return kind != "table" or name in metadata.tables

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_ours})
    return [phrase for operation in compare_metadata(context, metadata) for phrase in _describe(operation)]


def _describe(operation: Any) -> Iterator[str]:
    """Alembic tells what it would do: a tuple, or for changes of one column a list of tuples."""
    if isinstance(operation, list):
        for change in operation:
            yield from _describe(change)
        return
    match operation:
        case ("add_table", table):
            yield f"the table {table.name} is missing"
        case ("add_column", _, table, column):
            yield f"the column {table}.{column.name} is missing"
        case ("remove_column", _, table, column):
            if not column.nullable and column.server_default is None:
                yield f"the column {table}.{column.name} may not be empty, and nobody fills it"
        case ("add_index" | "add_constraint" | "add_fk", item):
            yield f"{item.name or 'a constraint'} of {item.table.name} is missing"
        case ("modify_type", _, table, column, _, found, wanted):
            yield f"the column {table}.{column} is {found!r}, not {wanted!r}"
        case ("modify_nullable", _, table, column, _, _, wanted):
            yield f"the column {table}.{column} {'may not' if wanted else 'may'} be empty"
        case (("remove_index" | "remove_table" | "remove_table_comment" | "modify_default" | "modify_comment"), *_):
            return
        case (kind, *_):
            yield f"{kind}: {operation[1:]}"
