"""Orders as CSV (RFC 4180), a piece at a time: the export of a year needs no more memory than that of a day."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable
from uuid import UUID

from asgiref.sync import sync_to_async

COLUMNS = ("order", "placed at", "customer", "email", "status", "pieces", "total in EUR", "country")
ROWS_PER_CHUNK = 500
# A spreadsheet would run a cell that begins with one of these.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


async def csv_chunks(read_page: Callable[[UUID | None, int], list[tuple]]) -> AsyncIterator[bytes]:
    """The file; `read_page(after, count)` gives the rows behind an order, and is called in a thread."""
    yield _encode([COLUMNS])
    after = None
    while rows := await sync_to_async(read_page)(after, ROWS_PER_CHUNK):
        yield _encode(map(_cells, rows))
        after = rows[-1][0]


def _cells(row: tuple) -> tuple[str, ...]:
    order_id, placed_at, *rest = row
    return (str(order_id), placed_at.isoformat(timespec="seconds"), *map(_harmless, rest))


def _harmless(cell: object) -> str:
    text = str(cell)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _encode(rows: Iterable[tuple]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()
