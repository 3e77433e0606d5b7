"""What `strangler handover` makes of the lines that a server sends."""

import pytest

from proxy.cli.handover import PATIENCE_LINES, _follow
from proxy.operations.errors import OperationError

WAITING = {"event": "waiting", "state": "drained", "for": "orders does not answer"}
END = {
    "event": "end",
    "ending": "done",
    "problem": "",
    "seconds": 0.5,
    "override": False,
    "held": {"released": 3, "longest": 0.25, "expired": 0, "full": 0},
}


def test_the_last_line_says_how_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert _follow([WAITING, END], as_json=False) == "done"
    assert "done in 0.50 s; writes that waited: 3, the longest 0.25 s; told to come again: 0" in capsys.readouterr().out


def test_one_that_waits_for_long_goes_on_and_is_no_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    assert _follow([WAITING] * (PATIENCE_LINES + 1), as_json=False) == "goes_on"
    said = capsys.readouterr().err
    assert "it is still drained, and goes on by itself" in said
    assert "it waits for: orders does not answer" in said


def test_a_server_that_has_gone_takes_up_what_it_began() -> None:
    with pytest.raises(OperationError, match="it takes up when it is back"):
        _follow([WAITING], as_json=False)
