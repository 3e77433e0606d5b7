"""A replay that was broken off goes on where it was, with what may be known of it on disk."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.comparison.capture_file import CaptureWriter
from proxy.comparison.replay import Pace
from proxy.operations.errors import OperationError
from proxy.operations.replay import ReplayPlan, position_file, replay
from proxy.wire.redaction import Redaction, Redactor
from tests.support.exchanges import a_request, an_exchange
from tests.support.server import NamedUpstream


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "c.jsonl"
    writer = CaptureWriter(path, Redactor(), datetime.now(UTC), lambda _line: None)
    for number in range(3):
        writer.write(an_exchange(a_request(f"/{number}")))
    writer.close()
    return path


def plan(capture: Path, to: str, *, resume: bool = False, output: Path | None = None) -> ReplayPlan:
    return ReplayPlan(capture, to, Pace(speed=1000), 1, 5.0, (), False, resume, output, Redaction(), {})


def done(plan: ReplayPlan):
    return asyncio.run(replay(plan, lambda _line: None, lambda _done, _of: None))


def test_it_goes_on_behind_what_was_done_and_leaves_no_position_at_its_end(capture):
    with NamedUpstream.running("x") as upstream:
        position_file(capture).write_text(json.dumps({"to": upstream.url, "position": 2, "learnt": {}}))
        result = done(plan(capture, upstream.url, resume=True))
    assert (result.asked, result.position, position_file(capture).exists()) == (1, 3, False)


def test_a_position_of_another_system_is_not_gone_on_from(capture):
    position_file(capture).write_text(json.dumps({"to": "http://127.0.0.1:2", "position": 2, "learnt": {}}))
    with pytest.raises(OperationError, match="what was broken off was a replay to"):
        done(plan(capture, "http://127.0.0.1:1", resume=True))


@pytest.mark.parametrize("text", ["", "[]", '{"to": "http://127.0.0.1:1"}', "{"])
def test_a_position_that_cannot_be_read_is_told_as_such(capture, text):
    position_file(capture).write_text(text)
    with pytest.raises(OperationError, match="cannot be read"):
        done(plan(capture, "http://127.0.0.1:1", resume=True))


def test_one_that_is_broken_off_leaves_a_private_position(capture):
    def stop(done: int, _of: int) -> None:
        if done:
            raise InterruptedError(0, "enough")

    with NamedUpstream.running("x") as upstream, pytest.raises(OperationError, match="enough"):
        asyncio.run(replay(plan(capture, upstream.url), lambda _line: None, stop))
    kept = json.loads(position_file(capture).read_text())
    assert 0 < kept["position"] < 3
    assert position_file(capture).stat().st_mode & 0o777 == 0o600


def test_a_system_that_is_not_there_leaves_no_position(capture):
    with pytest.raises(OperationError, match="answers nothing"):
        done(plan(capture, "http://127.0.0.1:1"))
    assert not position_file(capture).exists()


def test_an_output_is_never_gone_over(capture):
    before = capture.read_bytes()
    with pytest.raises(OperationError, match="file exists"):
        done(plan(capture, "http://127.0.0.1:1", output=capture))
    assert capture.read_bytes() == before
