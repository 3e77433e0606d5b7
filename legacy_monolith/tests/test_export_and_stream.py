"""The two answers that are written while they are being read, without a server."""

import asyncio
import csv
import io
from datetime import UTC, datetime

import pytest

from legacy_monolith.orders import export, stream
from legacy_monolith.orders.models import Order, StatusChange

MOMENT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def export_of(rows: list[tuple]) -> list[bytes]:
    """The chunks of an export of these rows, whose first cells are 0, 1, 2 ..."""

    def read_page(after: int | None, count: int) -> list[tuple]:
        start = 0 if after is None else after + 1
        return rows[start : start + count]

    async def collect() -> list[bytes]:
        return [chunk async for chunk in export.csv_chunks(read_page)]

    return asyncio.run(collect())


def test_an_export_without_orders_is_its_heading():
    assert export_of([]) == [(",".join(export.COLUMNS) + "\r\n").encode()]


def test_an_export_comes_in_pieces_without_gap_or_overlap():
    count = 2 * export.ROWS_PER_CHUNK + 1
    chunks = export_of([(i, MOMENT, "alice", "alice@example.com", "confirmed", 2, "29.80", "DK") for i in range(count)])
    assert len(chunks) == 4
    read = list(csv.reader(io.StringIO(b"".join(chunks).decode(), newline="")))
    assert [row[0] for row in read[1:]] == [str(i) for i in range(count)]
    assert read[1] == ["0", "2026-03-01T09:30:00+00:00", "alice", "alice@example.com", "confirmed", "2", "29.80", "DK"]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_no_cell_is_a_formula(name):
    _, row = csv.reader(io.StringIO(b"".join(export_of([(0, MOMENT, name)])).decode(), newline=""))
    assert row[2] == f"'{name}"


def test_an_event_has_an_id_a_name_and_its_data_on_one_line():
    change = StatusChange(pk=7, order=Order(), status="shipped", at=MOMENT)
    assert stream.event(change) == (
        b'id: 7\nevent: status\ndata: {"status": "shipped", "at": "2026-03-01T09:30:00.000Z"}\n\n'
    )


@pytest.mark.parametrize(
    ("header", "change"), [("7", 7), (None, 0), ("", 0), ("-7", 0), ("seven", 0), ("٧", 0), ("9" * 30, 0)]
)
def test_a_strange_last_event_id_means_from_the_beginning(header, change):
    assert stream.last_event_id(header) == change
