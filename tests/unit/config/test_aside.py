"""Damaged files are kept, every one of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from proxy.config.aside import set_aside

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_a_damaged_file_is_kept_under_its_name_and_the_time_beside_all_before_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    for number in range(5):
        path.write_text(f"damaged {number}")
        kept = set_aside(path, NOON + timedelta(microseconds=number))
        assert kept.name == f"ledger.jsonl.broken-20261122T12000000000{number}Z"
    assert sorted(each.read_text() for each in tmp_path.iterdir()) == [f"damaged {number}" for number in range(5)]
