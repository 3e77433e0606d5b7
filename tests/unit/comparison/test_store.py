"""What is recorded is kept; whatever happens to the file, whoever records is not disturbed."""

import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from proxy.comparison import retention
from proxy.comparison import store as store_module
from proxy.comparison.recall import RouteCount, recall, recall_exchange
from proxy.comparison.store import Store
from proxy.observability.log import Log
from tests.support.exchanges import a_request, an_answer, an_exchange
from tests.support.judged import AT, differing, judged

SOON = 10.0  # seconds; far more than a batch takes


class Kept:
    """A store in a folder of its own, with its log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / ".strangler"
        self.now = AT
        self._stream = io.StringIO()
        self.store = self.opened()

    def opened(self, **limits: int) -> Store:
        return Store(str(self.folder), Log("t", self._stream), now=lambda: self.now, flush_seconds=60, **limits)

    def written(self) -> None:
        assert self.store.flush(SOON)

    def count(self, since: datetime = AT - timedelta(hours=1)) -> RouteCount:
        return recall(self.store.path, "r", "v1", since)

    @property
    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self._stream.getvalue().splitlines()]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    found = Kept(tmp_path)
    yield found
    found.store.close()


def test_counts_of_batches_add_up(kept: Kept) -> None:
    for _ in range(2):
        kept.store.record(judged("$.a", "$.b", again=differing("$.b")))
        kept.store.record(judged())
        kept.written()
    count = kept.count()
    assert count.outcomes == {"compared": 4, "differing": 2, "again": 2}
    assert [(one.path, one.kind, one.raw, one.noise) for one in count.fields] == [
        ("$.a", "value", 2, 0),
        ("$.b", "value", 2, 2),
    ]
    assert kept.events == []


def test_counts_outlive_the_process(kept: Kept) -> None:
    kept.store.record(judged("$.a"))
    kept.store.close()
    kept.store = kept.opened()
    kept.store.record(judged("$.a"))
    kept.written()
    assert kept.count().fields[0].raw == 2


def test_other_routes_other_rules_and_other_times_stand_apart(kept: Kept) -> None:
    kept.store.record(judged("$.a"))
    kept.store.record(judged("$.a", route="other"))
    kept.store.record(judged("$.a", rules="v2"))
    kept.store.record(judged("$.a", at=AT - timedelta(hours=2)))
    kept.written()
    assert kept.count().outcomes["compared"] == 1
    assert kept.count(AT - timedelta(hours=3)).outcomes["compared"] == 2


def test_an_example_shows_both_sides_and_leads_to_the_whole_pair(kept: Kept) -> None:
    pair = an_exchange(a_request("/a?b=c"), answers={"legacy": an_answer(b"1"), "service": an_answer(b"2")})
    kept.store.record(judged("$.items[*]", example=pair))
    kept.written()
    example = kept.count().fields[0].example
    assert example is not None
    assert (example.request, example.place, example.left, example.right) == ("GET /a?b=c", "$.items[3]", "1", "2")
    assert example.exchange is not None
    assert recall_exchange(kept.store.path, example.exchange) == pair
    assert recall_exchange(kept.store.path, example.exchange + 1) is None


def test_a_few_examples_of_each_field_are_enough_for_a_while(kept: Kept) -> None:
    for number in range(retention.MAX_EXAMPLES):
        assert kept.store.wants_example("r", "v1", differing("$.a")), number
        kept.store.record(judged("$.a", example=an_exchange()))
    assert not kept.store.wants_example("r", "v1", differing("$.a"))
    assert not kept.store.wants_example("r", "v1", differing())
    assert kept.store.wants_example("r", "v1", differing("$.a", "$.b"))
    assert kept.store.wants_example("r", "v2", differing("$.a"))
    kept.now = AT + timedelta(seconds=store_module.NEW_EXAMPLE_SECONDS + 1)
    assert kept.store.wants_example("r", "v1", differing("$.a"))


def test_an_example_that_is_too_large_is_left_out_and_its_pair_counted(kept: Kept) -> None:
    large = an_exchange(answer=an_answer(b"x" * (store_module.MAX_EXAMPLE_BYTES + 1)))
    kept.store.record(judged("$.a", example=large))
    kept.written()
    assert (kept.count().fields[0].raw, kept.count().fields[0].example) == (1, None)
    assert kept.store.examples_dropped == 1


def test_what_comes_faster_than_it_is_written_is_dropped_and_counted(kept: Kept) -> None:
    kept.written()  # from now on it sleeps, unless it is woken
    for _ in range(store_module.MAX_WAITING + 7):
        kept.store.record(judged())
    kept.written()
    assert kept.store.dropped == 7
    assert kept.count().outcomes["compared"] == store_module.MAX_WAITING


def test_no_file_is_made_before_there_is_something_to_keep(kept: Kept) -> None:
    kept.written()
    assert not kept.folder.exists()


def test_a_locked_file_costs_nothing_but_time(kept: Kept) -> None:
    kept.store.record(judged("$.a"))
    kept.written()
    with closing(sqlite3.connect(kept.store.path)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        kept.store.record(judged("$.a"))
        kept.written()
        assert kept.store.failing == "database is locked"
    kept.written()
    assert kept.count().outcomes["compared"] == 2
    assert kept.store.failing is None
    assert kept.events == ["state_not_written", "state_written_again"]


def test_a_folder_that_cannot_be_made_is_told_once_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / ".strangler").write_text("a file where the folder should be")
    found = Kept(tmp_path)
    for _ in range(3):
        found.store.record(judged("$.a"))
        found.written()
    assert found.events == ["state_not_written"]
    (tmp_path / ".strangler").unlink()
    found.store.close()
    assert found.count().outcomes["compared"] == 3


def test_a_full_disk_loses_examples_and_no_count(tmp_path: Path) -> None:
    found = Kept(tmp_path)
    found.store.close()
    found.store = found.opened(max_bytes=128 * 1024)
    found.store.record(judged("$.a", example=an_exchange(answer=an_answer(b"x" * 500_000))))
    found.written()
    assert found.events == ["state_not_written"]
    found.store.record(judged("$.a"))
    found.store.close()
    assert found.count().fields[0].raw == 2
    assert found.count().fields[0].example is None


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    folder = tmp_path / ".strangler"
    folder.mkdir()
    (folder / "state.db").write_bytes(b"not a database" * 1000)
    found = Kept(tmp_path)
    found.store.record(judged("$.a"))
    found.store.close()
    assert found.count().outcomes["compared"] == 1
    assert found.events == ["state_set_aside"]
    (broken,) = folder.glob("state.db.broken-*")
    assert broken.read_bytes().startswith(b"not a database")


def test_a_file_that_was_removed_is_begun_anew(kept: Kept) -> None:
    kept.store.record(judged("$.a"))
    kept.written()
    for file in kept.folder.iterdir():
        file.unlink()
    kept.store.record(judged("$.b"))
    kept.written()
    assert [one.path for one in kept.count().fields] == ["$.b"]


def test_a_file_of_a_later_release_is_told_and_not_touched(kept: Kept) -> None:
    kept.store.record(judged())
    kept.store.close()
    with closing(sqlite3.connect(kept.store.path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    kept.store = kept.opened()
    kept.store.record(judged())
    kept.written()
    assert "version 999" in (kept.store.failing or "")
    assert kept.events == ["state_not_written"]
