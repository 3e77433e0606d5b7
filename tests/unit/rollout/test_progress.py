"""What outlives the control process, and what of a file is refused."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from proxy.rollout.progress import MAX_NOTES, Progress, as_json, from_json, reading_as_json
from tests.support.counted import answers
from tests.support.rolling import BAD

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_all_of_it_survives() -> None:
    one = Progress(0.05, "2026-11-22T12:00:00+00:00", 12.5, "hold", "why", ("finish",), baseline=answers(7, 1))
    one = one.noting(AT, "1% → 5%", "x")
    kept = {"r": one, "s": Progress(readings=(reading_as_json(BAD[0]),))}
    assert from_json(json.loads(json.dumps(as_json(kept)))) == kept


def test_the_oldest_notes_go() -> None:
    one = Progress()
    for number in range(MAX_NOTES + 5):
        one = one.noting(AT, str(number))
    assert [note.did for note in one.notes] == [str(number) for number in range(5, MAX_NOTES + 5)]


def broken(**changes: Any) -> Any:
    found = as_json({"r": Progress(0.05, baseline=answers(7))})
    found["routes"]["r"] |= changes
    return found


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        {},
        {"version": 2, "routes": {}},
        {"version": 1, "routes": []},
        broken(held="long"),
        broken(held=-1),
        broken(held=float("nan")),
        broken(notes=[{}]),
        broken(told=None),
        broken(baseline={"requests": 1}),
        broken(baseline={"requests": float("inf"), "errors": 0, "bounds": [], "durations": []}),
        broken(baseline={"requests": 1, "errors": 0, "bounds": [0.1], "durations": [1]}),
    ],
)
def test_what_was_never_written_is_refused(found: Any) -> None:
    with pytest.raises(ValueError, match=r"it|convert"):
        from_json(found)
