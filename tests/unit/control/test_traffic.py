"""What was asked for, on the disk: whole, bounded, set aside when damaged, tried again when it cannot be written."""

import asyncio
import io
import json
from pathlib import Path

import pytest

from proxy.control.traffic import FILE, TrafficKeeper, read_traffic
from proxy.observability.log import Log

ROWS = [["products", "legacy", "GET", "/products/", "curl", 0, 3, 0, 0, 0]]


class Keeping:
    """Control processes of one server, one after the other."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.output = io.StringIO()
        self.living = {0, 1}

    def begin(self, started_at: float = 1.0) -> TrafficKeeper:
        return TrafficKeeper(str(self.state), started_at, lambda number: number in self.living, Log("c", self.output))

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.output.getvalue().splitlines()]


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    return Keeping(tmp_path)


def end(keeper: TrafficKeeper) -> None:
    """Let it run, and then end it."""

    async def story() -> None:
        running = asyncio.create_task(keeper.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())


def total(keeper: TrafficKeeper) -> int:
    return sum(each.requests for each in keeper.observed.sightings())


def test_a_control_process_goes_on_where_the_one_before_ended(keeping):
    first = keeping.begin()
    first.take(0, ROWS)
    end(first)
    second = keeping.begin()
    assert total(second) == 3
    second.take(0, ROWS)
    assert total(second) == 3, "the worker says again what it has said"
    assert second.observed.since == first.observed.since


def test_a_control_process_that_was_killed_loses_nothing_that_its_workers_know(keeping):
    keeping.begin().take(0, ROWS)
    again = keeping.begin()
    again.take(0, ROWS)
    assert total(again) == 3


def test_workers_of_another_server_begin_anew(keeping):
    first = keeping.begin()
    first.take(0, ROWS)
    end(first)
    other = keeping.begin(started_at=2.0)
    other.take(0, ROWS)
    assert total(other) == 6


def test_what_was_taken_of_workers_that_ended_is_not_kept(keeping):
    keeper = keeping.begin()
    keeper.take(0, ROWS)
    keeper.take(7, ROWS)
    end(keeper)
    assert list(json.loads((keeping.state / FILE).read_text())["taken"]) == ["1.0:0"]
    assert total(keeping.begin()) == 6


def test_nothing_new_writes_nothing(keeping):
    end(keeping.begin())
    assert not (keeping.state / FILE).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 9}', b"[" * 100_000, b"\xff"])
def test_a_damaged_file_is_set_aside_and_told_of(keeping, content):
    (keeping.state / FILE).write_bytes(content)
    keeper = keeping.begin()
    assert keeping.events() == ["traffic_set_aside"]
    (kept,) = keeping.state.glob(f"{FILE}.broken-*")
    assert kept.read_bytes() == content
    keeper.take(0, ROWS)
    end(keeper)
    assert total(keeping.begin()) == 3


def test_what_cannot_be_written_is_told_of_once_and_tried_again(keeping, tmp_path):
    keeping.state = tmp_path / "state"
    keeper = keeping.begin()
    keeping.state.touch()
    keeper.take(0, ROWS)
    end(keeper)
    end(keeper)
    assert keeper.problem == "File exists"
    assert keeping.events() == ["traffic_not_kept"]
    keeping.state.unlink()
    end(keeper)
    assert keeper.problem is None
    assert (keeping.state / FILE).stat().st_mode & 0o777 == 0o600
    assert total(keeping.begin()) == 3


def test_there_may_be_no_file(tmp_path):
    assert read_traffic(tmp_path / FILE) is None
