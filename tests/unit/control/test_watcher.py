"""Changes of content, seen whatever way a file is replaced. Time is a list of what happens while the watcher sleeps."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.control.watcher import EVERY_SECONDS, Watcher


class Clock:
    """Sleeps no time; runs what is to happen during each sleep."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        self.slept: list[float] = []
        self._happenings = list(happenings)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if not self._happenings:
            raise EOFError  # the story is told
        self._happenings.pop(0)()


def nothing() -> None:
    pass


def changes(path: Path, *happenings: Callable[[], object], more: Callable[[], list[str]] = list) -> int:
    """How often the watcher acts while `happenings` pass, one a sleep."""
    acted: list[str] = []

    async def act() -> None:
        acted.append("acted")

    async def story() -> None:
        watcher = Watcher(str(path), more, sleep=Clock(*happenings).sleep)
        await watcher.remember()
        with pytest.raises(EOFError):
            await watcher.watch(act)

    asyncio.run(story())
    return len(acted)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text("one")
    return path


def test_an_untouched_file_is_left_alone(file: Path) -> None:
    assert changes(file, nothing, nothing, nothing) == 0


def test_a_file_rewritten_with_the_same_content_is_left_alone(file: Path) -> None:
    assert changes(file, lambda: file.write_text("one"), nothing) == 0


def test_new_content_is_seen_once(file: Path) -> None:
    assert changes(file, lambda: file.write_text("two"), nothing, nothing, nothing) == 1


def test_a_file_that_is_still_being_written_is_not_believed(file: Path) -> None:
    writing = [lambda: file.write_text("tw"), lambda: file.write_text("two")]
    assert changes(file, *writing, nothing, nothing, nothing) == 1
    assert file.read_text() == "two"


def test_a_file_that_vanishes_and_returns_is_reported_twice(file: Path) -> None:
    assert changes(file, file.unlink, nothing, lambda: file.write_text("one"), nothing, nothing) == 2


def test_a_mounted_volume_that_swaps_a_folder_link_is_seen(tmp_path: Path) -> None:
    for name, text in (("v1", "one"), ("v2", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "routes.yaml").write_text(text)
    data, file = tmp_path / "..data", tmp_path / "routes.yaml"
    data.symlink_to("v1")
    file.symlink_to("..data/routes.yaml")

    def swap() -> None:
        (tmp_path / "..tmp").symlink_to("v2")
        (tmp_path / "..tmp").replace(data)

    assert changes(file, swap, nothing, nothing) == 1


def test_a_file_that_begins_to_count_is_no_change_but_its_next_content_is(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a")
    counted: list[str] = []
    begin = [lambda: counted.append(str(secret)), nothing]
    assert changes(file, *begin, lambda: secret.write_text("b"), nothing, nothing, more=lambda: counted) == 1


def test_it_looks_once_a_second(file: Path) -> None:
    clock = Clock(nothing, nothing)

    async def story() -> None:
        watcher = Watcher(str(file), list, sleep=clock.sleep)
        await watcher.remember()
        with pytest.raises(EOFError):
            await watcher.watch(watcher.remember)

    asyncio.run(story())
    assert clock.slept == [EVERY_SECONDS] * 3
