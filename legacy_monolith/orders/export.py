"""Orders as CSV (RFC 4180), a piece at a time: the export of a year needs no more memory than that of a day."""

import csv
import io
from collections.abc import AsyncIterator, Iterable

COLUMNS = ("order", "placed at", "customer", "email", "status", "pieces", "total in EUR", "country")
ROWS_PER_CHUNK = 200
# A spreadsheet would run a cell that begins with one of these.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


async def csv_chunks(rows: AsyncIterator[tuple]) -> AsyncIterator[bytes]:
    chunk = [COLUMNS]
    async for order_id, placed_at, *rest in rows:
        chunk.append((str(order_id), placed_at.isoformat(timespec="seconds"), *map(_harmless, rest)))
        if len(chunk) == ROWS_PER_CHUNK:
            yield _encode(chunk)
            chunk = []
    if chunk:
        yield _encode(chunk)


def _harmless(cell: object) -> str:
    text = str(cell)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _encode(rows: Iterable[tuple]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()
