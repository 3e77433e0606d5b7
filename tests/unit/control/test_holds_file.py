"""What is held, for a worker that starts right now."""

from pathlib import Path

import pytest

from proxy.control.holds_file import HOLDS_FILE, read_holds, write_holds
from proxy.forwarding.holding import Hold

HOLD = Hold("order@2", ("orders", "payments"), 5.0, 500, 99.5)


def test_a_worker_that_starts_finds_what_is_held(tmp_path: Path) -> None:
    write_holds(str(tmp_path), [HOLD])
    assert read_holds(str(tmp_path)) == [HOLD]
    write_holds(str(tmp_path), [])
    assert read_holds(str(tmp_path)) == []


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"holds": [{"id": 1}]}', '{"holds": 3}'])
def test_what_cannot_be_read_holds_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / HOLDS_FILE).write_text(text)
    assert read_holds(str(tmp_path)) == []
