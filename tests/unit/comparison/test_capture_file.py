"""Captures on disk: private, bounded, masked, readable after a kill and on a full disk."""

import base64
import errno
import os
import re
import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.comparison.capture_file import CaptureLimits, CaptureWriter, Outcome, read_capture
from proxy.comparison.capture_format import BadCapture, encode, encode_head
from proxy.comparison.har import to_har
from proxy.wire.redaction import Redactor
from tests.support.exchanges import AT, a_request, an_answer, an_exchange
from tests.support.planted_secrets import PLANTS, packed

LINE = len(encode(an_exchange(a_request("/0"))))
HEAD = len(encode_head(AT, 1))


class Heard(list[str]):
    """What was said."""

    def __call__(self, line: str) -> None:
        self.append(line)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "capture.jsonl"


@contextmanager
def writing(path: Path, limits: CaptureLimits | None = None, say: Heard | None = None) -> Iterator[CaptureWriter]:
    writer = CaptureWriter(path, Redactor(), AT, say if say is not None else Heard(), limits)
    try:
        yield writer
    finally:
        writer.close()


def targets(path: Path) -> list[str]:
    return [exchange.request.target for exchange in read_capture(path, Heard())]


def test_what_is_written_is_read_again_and_only_its_owner_may_read_it(path: Path) -> None:
    with writing(path) as writer:
        assert writer.write(an_exchange(a_request("/a"))) is Outcome.WRITTEN
        assert writer.write(an_exchange(a_request("/b?token=hunter2"))) is Outcome.WRITTEN
    assert targets(path) == ["/a", "/b?token=***1"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"hunter2" not in path.read_bytes()


def test_a_recording_never_goes_over_another_one(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        CaptureWriter(path, Redactor(), AT, Heard())
    assert path.read_text() == "mine"


def test_a_recording_does_not_follow_a_link(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        CaptureWriter(path, Redactor(), AT, Heard())


def test_one_file_ends_when_it_is_full(path: Path) -> None:
    with writing(path, CaptureLimits(exchanges=2)) as writer:
        outcomes = [writer.write(an_exchange(a_request(f"/{number}"))) for number in range(4)]
        assert writer.counts == {Outcome.WRITTEN: 2, Outcome.FULL: 2, Outcome.TOO_LARGE: 0, Outcome.FAILED: 0}
    assert outcomes == [Outcome.WRITTEN, Outcome.WRITTEN, Outcome.FULL, Outcome.FULL]
    assert targets(path) == ["/0", "/1"]


def test_of_several_files_the_oldest_makes_room(path: Path, tmp_path: Path) -> None:
    with writing(path, CaptureLimits(file_bytes=2048, files=3)) as writer:
        for number in range(40):
            assert writer.write(an_exchange(a_request(f"/{number}"))) is Outcome.WRITTEN
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["capture.jsonl", "capture.jsonl.1", "capture.jsonl.2"]
    assert all(file.stat().st_size <= 2048 for file in files)
    kept = [target for file in reversed(files) for target in targets(file)]
    assert kept == [f"/{number}" for number in range(40 - len(kept), 40)]
    assert 10 < len(kept) < 40


def test_an_exchange_too_large_for_a_file_is_left_out(path: Path) -> None:
    with writing(path, CaptureLimits(file_bytes=4096)) as writer:
        assert writer.write(an_exchange(answer=an_answer(b"x" * 4096))) is Outcome.TOO_LARGE
        assert writer.write(an_exchange()) is Outcome.WRITTEN


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full after `size` bytes of any file: the system's limit, in its own error."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_said_once_and_leaves_whole_lines(path: Path) -> None:
    heard = Heard()
    with writing(path, say=heard) as writer:
        with files_of_at_most(HEAD + 2 * LINE + LINE // 2):
            outcomes = [writer.write(an_exchange(a_request(f"/{number}"))) for number in range(5)]
        assert outcomes == [Outcome.WRITTEN] * 2 + [Outcome.FAILED] * 3
        assert heard == [
            f"{path}: {os.strerror(errno.EFBIG).lower()}; what comes is not recorded until it can be written again"
        ]
        assert writer.write(an_exchange(a_request("/9"))) is Outcome.WRITTEN
        assert heard[1:] == [f"{path}: written again"]
        assert writer.counts[Outcome.FAILED] == 3
    assert targets(path) == ["/0", "/1", "/9"]


def test_a_full_disk_costs_no_older_file(path: Path, tmp_path: Path) -> None:
    with writing(path, CaptureLimits(exchanges=1, files=3)) as writer:
        for number in range(3):
            writer.write(an_exchange(a_request(f"/{number}")))
        with files_of_at_most(HEAD // 2):
            assert [writer.write(an_exchange()) for _ in range(5)] == [Outcome.FAILED] * 5
        assert [targets(tmp_path / f"capture.jsonl.{number}") for number in (1, 2)] == [["/2"], ["/1"]]
        assert writer.write(an_exchange(a_request("/9"))) is Outcome.WRITTEN
    assert targets(path) == ["/9"]


@pytest.mark.parametrize("missing", [1, 2, LINE // 2, LINE - 1])
def test_a_line_cut_by_a_kill_is_left_out_and_said(path: Path, missing: int) -> None:
    path.write_bytes((encode_head(AT, 1) + encode(an_exchange()) + encode(an_exchange()))[:-missing])
    heard = Heard()
    assert list(read_capture(path, heard)) == [an_exchange()]
    assert heard == [f"{path}:3: the last line is cut: the recording was stopped while it wrote; it is left out"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ":1: the file is empty"),
        (b'{"log": {}}\n', ":1: not a capture (hint: a HAR is read with --har)"),
        (encode_head(AT, 1) + b"\n" + encode(an_exchange()) + b"{}\n", ':4: "answers" is missing'),
        (encode_head(AT, 1)[:9], ":1: not JSON: "),
    ],
)
def test_a_fault_is_told_with_its_file_and_line(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    with pytest.raises(BadCapture, match=f"^{re.escape(f'{path}{said}')}"):
        list(read_capture(path, Heard()))


def test_a_line_without_end_is_refused_before_it_fills_the_memory(path: Path) -> None:
    with path.open("wb") as file:
        file.write(encode_head(AT, 1))
        file.truncate(1024**4)  # sparse: no disk is used
    with pytest.raises(BadCapture, match=":2: a line of more than 16,777,216 bytes"):
        list(read_capture(path, Heard()))


SECRET = "hunter2butlongenough"


def test_no_planted_secret_is_in_any_byte_of_captures_and_hars(path: Path, tmp_path: Path) -> None:
    with writing(path, CaptureLimits(exchanges=20, files=9)) as writer:
        assert {writer.write(plant(SECRET)) for plant in PLANTS} == {Outcome.WRITTEN}
    kept = [exchange for file in sorted(tmp_path.iterdir()) for exchange in read_capture(file, Heard())]
    assert len(kept) == len(PLANTS) > 50
    written = [file.read_bytes() for file in tmp_path.iterdir()] + [to_har(kept, "http://shop.test").encode()]
    for content in written:
        clear = content + b"".join(base64.b64decode(word) for word in re.findall(rb'"base64":"([^"]*)"', content))
        assert SECRET.encode() not in clear
        assert packed(SECRET) not in clear
