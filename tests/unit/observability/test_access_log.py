"""One line a request, from a thread of its own: bounded, and nothing lost that could be written."""

import contextlib
import io
import json
import threading
from datetime import UTC, datetime

from proxy.observability.access_log import AccessLog, AccessRecord, format_record
from tests.support.processes import PATIENCE_S

RECORD = AccessRecord(
    method="GET", host="shop.example", path="/a", status=200, route="cart", side="service", reason="stage",
    upstream="orders", endpoint="http://10.0.0.7:8103", outcome="answered", client="192.0.2.7", request_id="r1",
    trace_id="t1", bytes_sent=5, duration=0.0123456, upstream_duration=0.01, revision="abc",
)  # fmt: skip
NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_a_record_is_one_line_of_json_with_times_in_milliseconds():
    line = format_record(NOON, RECORD)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    told = json.loads(line)
    assert told["time"] == "2026-03-01T12:00:00.123Z"
    assert (told["duration_ms"], told["upstream_ms"]) == (12.346, 10.0)
    assert told["status"] == 200
    assert told.keys() >= {"method", "path", "route", "side", "reason", "upstream", "trace_id", "request_id", "client"}


def test_a_path_with_line_breaks_or_quotes_stays_one_line():
    line = format_record(NOON, RECORD._replace(path='/a"\n{}', host="\u2028"))
    assert line.count("\n") == 1
    assert json.loads(line)["path"] == '/a"\n{}'


def test_without_an_upstreams_answer_its_time_is_null():
    assert json.loads(format_record(NOON, RECORD._replace(upstream_duration=None)))["upstream_ms"] is None


def test_what_was_written_before_the_end_is_there_after_it():
    stream = io.StringIO()
    log = AccessLog(stream, now=lambda: NOON)
    for number in range(100):
        log.write(RECORD._replace(bytes_sent=number))
    log.close()
    assert [json.loads(line)["bytes_sent"] for line in stream.getvalue().splitlines()] == list(range(100))
    assert log.dropped == 0


class Gate(io.StringIO):
    """A stream whose writer waits until it is let through."""

    def __init__(self):
        super().__init__()
        self.entered, self.open = threading.Event(), threading.Event()

    def write(self, text):
        self.entered.set()
        assert self.open.wait(PATIENCE_S)
        return super().write(text)


def test_a_slow_stream_delays_nobody_and_what_does_not_fit_is_counted():
    stream = Gate()
    log = AccessLog(stream)
    log.write(RECORD)
    log.flush_soon()
    assert stream.entered.wait(PATIENCE_S)
    for _ in range(AccessLog.BOUND + 7):
        log.write(RECORD)
    assert log.dropped == 7
    stream.open.set()
    log.close()
    assert len(stream.getvalue().splitlines()) == AccessLog.BOUND + 1


class Broken(io.StringIO):
    """A full disk."""

    def write(self, text):
        raise OSError(28, "No space left on device")


def test_a_stream_that_cannot_be_written_costs_the_lines_and_nothing_else():
    log = AccessLog(Broken())
    log.write(RECORD)
    log.write(RECORD)
    log.close()
    assert log.dropped == 2


class Closing(io.StringIO):
    """A stream during whose first write one more record comes and the log is closed."""

    log = None

    def write(self, text):
        log, self.log = self.log, None
        if log is not None:
            log.write(RECORD._replace(request_id="last"))
            with contextlib.suppress(RuntimeError):  # this thread cannot wait for itself
                log.close()
        return super().write(text)


def test_a_record_that_comes_while_a_batch_is_written_is_not_lost_at_the_end():
    stream = Closing()
    log = stream.log = AccessLog(stream)
    log.write(RECORD)
    log.close()
    log.close()
    assert [json.loads(line)["request_id"] for line in stream.getvalue().splitlines()] == ["r1", "last"]
