"""The table of first answers, in each service's own database.

The row is written first, in the transaction of the work itself: a second request with that key waits at it (SQLite
has one writer anyway, PostgreSQL makes it wait at the key), and finds the answer when it goes on.
"""

from datetime import UTC, datetime

from alembic import op
from sqlalchemy import Column, ColumnElement, Integer, MetaData, String, Table, Text, and_, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from extracted_services.chassis.answers import Answer, Asked
from extracted_services.chassis.columns import UtcDateTime


class KeyReused(Exception):
    """The key came with another body before."""


def add_kept_answers(metadata: MetaData) -> Table:
    """The table as the code uses it; `create_kept_answers` makes it."""
    return Table("kept_answers", metadata, *_columns())


def create_kept_answers() -> None:
    """For a migration: the table as of its first version."""
    op.create_table("kept_answers", *_columns())


class KeptAnswers:
    """First answers within one transaction."""

    def __init__(self, table: Table, connection: AsyncConnection) -> None:
        self._table = table
        self._connection = connection

    async def claim(self, asked: Asked) -> Answer | None:
        """None for the first to ask, who must `keep` an answer or roll back; else what was kept.

        What was kept `is_given` unless the first request committed its claim before it knew the answer.
        Raises KeyReused.
        """
        kept = None
        while kept is None:  # a claim may be taken back between the two statements
            if await self._insert(Answer(asked, 0, None, "")):
                return None
            kept = await self.find(asked.customer, asked.path, asked.key)
        if kept.asked.body_hash != asked.body_hash:
            raise KeyReused
        return kept

    async def keep(self, answer: Answer, *, if_claimed: bool = False) -> None:
        """Give the answer to a claim, or another in place of the one that was given, unless only `if_claimed`."""
        values = {
            "body_hash": answer.asked.body_hash,
            "status": answer.status,
            "location": answer.location or "",
            "body": answer.body,
        }
        there = self._is_claimed(answer.asked) if if_claimed else self._is(answer.asked)
        await self._connection.execute(update(self._table).where(there).values(values))

    async def forget(self, asked: Asked) -> None:
        """Take a claim back: the request may be done anew. An answer that was given meanwhile stays."""
        await self._connection.execute(delete(self._table).where(self._is_claimed(asked)))

    async def adopt(self, answer: Answer, *, replace: bool = False) -> None:
        """Take over an answer that the other side gave. It fills a claim of the same request; what stands here
        otherwise stays, unless it is to be replaced."""
        if await self._insert(answer):
            return
        kept = await self.find(answer.asked.customer, answer.asked.path, answer.asked.key)
        if replace or (kept is not None and kept.asked == answer.asked and not kept.is_given):
            await self.keep(answer)

    async def find(self, customer: str, path: str, key: str) -> Answer | None:
        table = self._table
        query = select(table).where(table.c.customer == customer, table.c.path == path, table.c.key == key)
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        return Answer(Asked(row.customer, row.path, row.key, row.body_hash), row.status, row.location or None, row.body)

    def _is(self, asked: Asked) -> ColumnElement[bool]:
        table = self._table
        return and_(table.c.customer == asked.customer, table.c.path == asked.path, table.c.key == asked.key)

    def _is_claimed(self, asked: Asked) -> ColumnElement[bool]:
        return and_(self._is(asked), self._table.c.status == 0)

    async def _insert(self, answer: Answer) -> bool:
        asked = answer.asked
        dialect = sqlite if self._connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(self._table).values(
            customer=asked.customer,
            path=asked.path,
            key=asked.key,
            body_hash=asked.body_hash,
            status=answer.status,
            location=answer.location or "",
            body=answer.body,
            created_at=datetime.now(UTC),
        )
        # Asked to return the row, since not every driver counts what an INSERT has left out.
        written = await self._connection.execute(statement.on_conflict_do_nothing().returning(self._table.c.key))
        return written.one_or_none() is not None


def _columns() -> tuple[Column[str] | Column[int] | Column[datetime], ...]:
    return (
        Column("customer", String(36), primary_key=True),
        Column("path", String(100), primary_key=True),
        Column("key", String(255), primary_key=True),
        Column("body_hash", String(64), nullable=False),
        Column("status", Integer, nullable=False),
        Column("location", String(200), nullable=False),
        Column("body", Text, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
    )
