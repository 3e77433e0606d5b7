"""The two answers that are written while they are being read, without a server."""

import asyncio
import csv
import io
from datetime import UTC, datetime

import pytest

from legacy_monolith.orders import export, stream
from legacy_monolith.orders.models import Order, StatusChange

MOMENT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


async def _each(rows):
    for row in rows:
        yield row


def export_of(rows: list[tuple]) -> list[bytes]:
    async def collect() -> list[bytes]:
        return [chunk async for chunk in export.csv_chunks(_each(rows))]

    return asyncio.run(collect())


def test_an_export_without_orders_is_its_heading():
    assert export_of([]) == [(",".join(export.COLUMNS) + "\r\n").encode()]


def test_an_export_comes_in_pieces():
    row = ("id", MOMENT, "alice", "alice@example.com", "confirmed", 2, "29.80", "DK")
    chunks = export_of([row] * 450)
    assert len(chunks) == 3
    read = list(csv.reader(io.StringIO(b"".join(chunks).decode(), newline="")))
    assert len(read) == 451
    assert read[1] == ["id", "2026-03-01T09:30:00+00:00", "alice", "alice@example.com", "confirmed", "2", "29.80", "DK"]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_no_cell_is_a_formula(name):
    chunk = b"".join(export_of([("id", MOMENT, name)])).decode()
    assert next(csv.reader(io.StringIO(chunk.splitlines(keepends=True)[1], newline="")))[2] == f"'{name}"


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
