"""What is known of endpoints, in files."""

import asyncio
from pathlib import Path

import pytest

from proxy.config.model import Endpoint
from proxy.control.endpoints_file import FILE, MAX_BYTES, Keeper, read_file, read_known, write_file
from proxy.forwarding.known_endpoints import Known
from tests.support.control import until

ONE = Endpoint("http", "192.0.2.1", 8101)
FOUND = Known((ONE,), frozenset({ONE.url}), "dns://orders:8101")
LISTED = Known((ONE,), frozenset({ONE.url}))


@pytest.fixture
def private(tmp_path: Path) -> Path:
    (tmp_path / "private").mkdir()
    return tmp_path / "private"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def kept(private: Path, state: Path, *news: dict[str, Known]) -> None:
    async def story() -> None:
        keeper = Keeper(str(private), str(state))
        running = asyncio.create_task(keeper.run())
        for known in news:
            keeper.keep(known)
            await until(lambda known=known: read_file(private / FILE) == known)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())


def test_this_servers_word_is_kept_whole_and_of_the_one_before_what_was_discovered(private: Path, state: Path) -> None:
    kept(private, state, {"orders": FOUND, "payments": LISTED})
    assert read_known(str(private), str(state)) == {"orders": FOUND, "payments": LISTED}
    (private / FILE).unlink()
    assert read_known(str(private), str(state)) == {"orders": Known((ONE,), source="dns://orders:8101")}


def test_who_discovers_nothing_leaves_nothing_in_the_state_folder(private: Path, state: Path) -> None:
    kept(private, state, {"payments": LISTED})
    assert list(state.iterdir()) == []


def test_the_newest_word_replaces_the_one_before(private: Path, state: Path) -> None:
    kept(private, state, {"orders": FOUND}, {"payments": LISTED})
    assert read_file(private / FILE) == {"payments": LISTED}
    assert read_file(state / FILE) == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"[" * 100_000, b'{"orders": 7}', b" " * (MAX_BYTES + 1), b"\xff"],
    ids=lambda c: c[:9],
)
def test_a_file_that_makes_no_sense_is_as_good_as_none(private: Path, state: Path, content: bytes) -> None:
    (private / FILE).write_bytes(content)
    assert read_known(str(private), str(state)) == {}


def test_what_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    write_file(tmp_path / "nowhere" / FILE, {"orders": FOUND})
    assert list(tmp_path.iterdir()) == []
