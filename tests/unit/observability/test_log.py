"""Lines about the server itself."""

import io
import json
import logging

from proxy.observability.log import JsonHandler, Log


def test_a_line_is_one_json_object_with_time_level_process_and_event() -> None:
    stream = io.StringIO()
    Log("control", stream).warning("reload_refused", problems=["routes.yaml:1:1: line\nbreak ä"])
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert (found["level"], found["process"], found["event"]) == ("warning", "control", "reload_refused")
    assert found["time"].endswith("Z")
    assert found["problems"] == ["routes.yaml:1:1: line\nbreak ä"]


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    Log("control", Broken()).info("ready")


def test_a_closed_log_stops_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    Log("control", stream).failure("ended")


def test_what_a_library_logs_becomes_a_line_with_its_exception() -> None:
    stream = io.StringIO()
    handler = JsonHandler(Log("worker-0", stream))
    error = ValueError("odd")
    handler.handle(
        logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, "failed %d", (3,), (ValueError, error, None))
    )
    found = json.loads(stream.getvalue())
    assert (found["level"], found["logger"], found["message"]) == ("error", "uvicorn.error", "failed 3")
    assert "ValueError: odd" in found["exception"]
