"""Moves as edits: the lines that must change, and no other."""

import difflib

import pytest

from proxy.config.edit import EditRefused
from proxy.config.model import Stage
from proxy.rollout.file_edit import Change, edit_routes, unified
from proxy.rollout.ports import Position
from tests.support.routes_yaml import BASE, load

FILE = (
    BASE
    + """\
routes:
  # read by everybody
  - name: pages
    match: GET /pages/**
    to: orders      # soon
    stage: shadow   # since spring
    canary:
      steps: [1%, 5%]   # slowly

  - { name: stock, match: GET /stock, to: orders, stage: 'canary', canary: { weight: "5%" } }   # one line
  - name: cart
    match: GET /cart
    to: orders
    # nothing is said of its stage
"""
)
LEGACY, SHADOW, CUTOVER = (Position(stage) for stage in (Stage.LEGACY, Stage.SHADOW, Stage.CUTOVER))


def canary(weight: float, *, paused: bool = False) -> Position:
    return Position(Stage.CANARY, weight, paused)


def changed(*changes: Change, before: str = FILE) -> list[str]:
    after = edit_routes(before, changes)
    load(after)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            Change("pages", SHADOW, LEGACY),
            ["-    stage: shadow   # since spring", "+    stage: legacy   # since spring"],
        ),
        (
            Change("pages", SHADOW, canary(0.01)),
            [
                "-    stage: shadow   # since spring",
                "+    stage: canary   # since spring",
                "+      weight: 1%",
            ],
        ),
        (Change("cart", LEGACY, SHADOW), ["+    stage: shadow"]),
        (Change("cart", LEGACY, canary(0.01)), ["+    stage: canary", "+    canary: { weight: 1% }"]),
    ],
)
def test_a_move_changes_the_lines_it_must(change: Change, lines: list[str]) -> None:
    assert sorted(changed(change)) == sorted(lines)


def test_a_route_on_one_line_stays_on_it_with_its_quotes() -> None:
    _, after = changed(Change("stock", canary(0.05), canary(0.25)))
    assert after.endswith('canary: { weight: "25%" } }   # one line')
    _, after = changed(Change("stock", canary(0.05), canary(0.05, paused=True)))
    assert after.endswith('canary: { weight: "5%", paused: true } }   # one line')
    _, after = changed(Change("stock", canary(0.05), LEGACY))
    assert "stage: 'legacy', canary: { weight: \"5%\" } }" in after


def test_pausing_a_canary_that_says_nothing_of_itself_writes_the_key() -> None:
    before = FILE.replace(
        "stage: shadow   # since spring\n    canary:\n      steps: [1%, 5%]   # slowly", "stage: canary"
    )
    assert changed(Change("pages", canary(0.01), canary(0.01, paused=True)), before=before) == [
        "+    canary: { paused: true }"
    ]


def test_what_stands_where_it_should_is_left_alone() -> None:
    assert edit_routes(FILE, [Change("pages", SHADOW, SHADOW), Change("stock", canary(0.05), canary(0.05))]) == FILE


def test_several_routes_move_at_once() -> None:
    lines = changed(
        Change("stock", canary(0.05), CUTOVER), Change("cart", LEGACY, SHADOW), Change("pages", SHADOW, LEGACY)
    )
    assert len(lines) == 5
    assert "+    stage: shadow" in lines


def test_a_retired_route_says_what_it_is_told_to() -> None:
    respond = {"see": "/new", "sunset": "2027-01-31"}
    lines = changed(Change("cart", LEGACY, Position(Stage.RETIRED), respond))
    assert lines == ["+    stage: retired", "+    respond: { see: /new, sunset: 2027-01-31 }"]
    before = edit_routes(FILE, [Change("cart", LEGACY, Position(Stage.RETIRED), respond)])
    lines = changed(Change("cart", Position(Stage.RETIRED), Position(Stage.RETIRED), {"see": "/newer"}), before=before)
    assert lines == [
        "-    respond: { see: /new, sunset: 2027-01-31 }",
        "+    respond: { see: /newer, sunset: 2027-01-31 }",
    ]


def test_a_stage_from_outside_the_file_is_left_to_a_person() -> None:
    before = FILE.replace("stage: shadow ", "stage: ${STAGE:-shadow} ")
    with pytest.raises(EditRefused, match="from outside the file"):
        edit_routes(before, [Change("pages", SHADOW, LEGACY)])
    with pytest.raises(EditRefused, match="no route is named"):
        edit_routes(FILE, [Change("page", SHADOW, LEGACY)])


def test_a_diff_shows_the_line_and_its_neighbours() -> None:
    after = edit_routes(FILE, [Change("pages", SHADOW, LEGACY)])
    assert [line for line in unified(FILE, after, "routes.yaml").splitlines() if line[0] in "+-"] == [
        "--- routes.yaml",
        "+++ routes.yaml",
        "-    stage: shadow   # since spring",
        "+    stage: legacy   # since spring",
    ]
    assert unified(FILE, FILE, "routes.yaml") == ""
