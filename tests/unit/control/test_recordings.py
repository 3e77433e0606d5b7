"""Recording in the control process: one reader, a bounded wait, and counted losses."""

import asyncio
import io

import pytest

from proxy.control.hub import Hub
from proxy.control.recordings import MAX_WAITING, MAX_WAITING_BYTES, Busy, Recording, Recordings
from proxy.forwarding.recording import Wanted
from proxy.observability.log import Log
from tests.support.exchanges import an_answer, an_exchange


def test_what_came_is_read_in_order_and_nothing_is_nothing():
    async def story() -> None:
        recording = Recording()
        for route in ("a", "b"):
            recording.take(an_exchange(route=route), 1, {})
        read = [await recording.read(0.001) for _ in range(3)]
        assert [each and each.route for each in read] == ["a", "b", None]

    asyncio.run(story())


def test_a_slow_reader_loses_the_newest_and_is_told_how_many():
    recording = Recording()
    for _ in range(MAX_WAITING + 3):
        recording.take(an_exchange(), 1, {})
    assert recording.lost() == {"reader_slow": 3}


def test_what_waits_is_bounded_in_bytes():
    recording = Recording()
    big = an_exchange(answer=an_answer(b"x" * (MAX_WAITING_BYTES // 2)))
    for _ in range(3):
        recording.take(big, 1, {})
    assert recording.lost() == {"reader_slow": 1}


def test_losses_of_all_workers_are_added_up_each_with_its_newest_count():
    recording = Recording()
    for generation, lost in ((1, {"endless": 1}), (1, {"endless": 2}), (2, {"endless": 5, "link_full": 1})):
        recording.take(an_exchange(), generation, lost)
    assert recording.lost() == {"endless": 7, "link_full": 1}


def test_there_is_one_recording_at_a_time_and_the_next_one_after_it():
    hub = Hub(Log("t", io.StringIO()))
    recordings = Recordings(hub)
    with recordings.recording(Wanted()) as first:
        hub.take_recorded(an_exchange(), 1, {})
        with pytest.raises(Busy), recordings.recording(Wanted()):
            pass
        assert asyncio.run(first.read(0.001)) is not None
    with recordings.recording(Wanted()) as second:
        assert asyncio.run(second.read(0.001)) is None
