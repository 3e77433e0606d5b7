"""Who holds a slot, who comes next, and when to try again."""

import sys
from collections.abc import Callable, Iterator

import pytest

from proxy.control.child import Child, start
from proxy.control.slot import Slot
from tests.support.processes import PATIENCE_S

Spawn = Callable[[], Child]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Children that end at once; a slot does not look at what they do."""
    started: list[Child] = []

    def begin() -> Child:
        command = [sys.executable, "-S", "-E", "-c", ""]
        started.append(start(command, generation=len(started), environ={}, inherited={}))
        return started[-1]

    yield begin
    for child in started:
        child.process.wait(PATIENCE_S)
        child.reports.close()


def test_a_lost_process_is_replaced_after_growing_delays(spawn: Spawn) -> None:
    slot = Slot("worker-0")
    delays = []
    for _ in range(3):
        slot.current = spawn()
        delays.append(slot.lose(slot.current))
    assert delays == [0.1, 0.2, 0.4]
    assert slot.restarts == 3
    assert slot.start_at is not None


def test_a_process_that_was_asked_to_end_is_not_replaced(spawn: Spawn) -> None:
    slot = Slot("worker-0", current=spawn())
    assert slot.current is not None
    slot.current.end(within_seconds=1)
    assert slot.lose(slot.current) is None
    assert (slot.restarts, slot.start_at, list(slot.children())) == (0, None, [])


def test_a_successor_takes_over_and_the_old_one_leaves(spawn: Spawn) -> None:
    old, new = spawn(), spawn()
    slot = Slot("worker-0", current=old, successor=new)
    assert slot.succeed() is old
    assert (slot.current, slot.leaving) == (new, [old])
    assert slot.lose(old) is None
    assert list(slot.children()) == [new]


def test_a_successor_steps_in_when_the_old_one_dies_first(spawn: Spawn) -> None:
    old, new = spawn(), spawn()
    slot = Slot("worker-0", current=old, successor=new)
    assert slot.lose(old) is None
    assert (slot.current, slot.successor, slot.restarts) == (new, None, 0)


def test_a_lost_successor_leaves_the_old_one_in_place(spawn: Spawn) -> None:
    old, new = spawn(), spawn()
    slot = Slot("worker-0", current=old, successor=new)
    assert slot.lose(new) is None
    assert list(slot.children()) == [old]


def test_a_command_that_does_not_exist_leaves_nothing_open() -> None:
    with pytest.raises(OSError, match="No such file"):
        start(["/no/such/program"], generation=1, environ={}, inherited={})


def test_a_child_whose_reports_end_says_so(spawn: Spawn) -> None:
    child = spawn()
    child.process.wait(PATIENCE_S)
    assert child.read_reports() is None
    child.tell({"type": "reload"})  # to nobody: no error
