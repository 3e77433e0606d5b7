"""One of several servers on a state folder moves routes; the system takes the lease back when it ends."""

import subprocess
import sys
from pathlib import Path

from proxy.control.lease import HANDOVERS, ROLLOUTS, Lease


def of(folder: Path, file: str = ROLLOUTS) -> Lease:
    return Lease(str(folder), file, "moves routes")


def test_each_lock_is_one_of_its_own(tmp_path: Path) -> None:
    first, second = of(tmp_path), of(tmp_path, HANDOVERS)
    assert first.take()
    assert second.take()
    first.give_back()
    second.give_back()


def test_the_second_watches_until_the_first_gives_back(tmp_path: Path) -> None:
    first, second = of(tmp_path), of(tmp_path)
    assert first.take()
    assert first.take()
    assert not second.take()
    assert second.why == "another server on this state folder moves routes"
    first.give_back()
    assert second.take()
    assert second.why == ""
    assert not first.take()
    second.give_back()


def test_a_holder_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    holding = (
        "import os, sys; from proxy.control.lease import ROLLOUTS, Lease; "
        "lease = Lease(sys.argv[1], ROLLOUTS, 'moves'); assert lease.take(); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", holding, str(tmp_path)], check=False)
    assert ended.returncode == -9
    lease = of(tmp_path)
    assert lease.take()
    lease.give_back()


def test_the_folder_is_made(tmp_path: Path) -> None:
    lease = of(tmp_path / "state")
    assert lease.take()
    assert (tmp_path / "state" / ROLLOUTS).stat().st_mode & 0o777 == 0o600
    lease.give_back()
    lease.give_back()


def test_where_nothing_can_be_locked_nothing_is_moved_and_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / ROLLOUTS).mkdir()
    lease = of(tmp_path)
    assert not lease.take()
    assert "cannot be locked: is a directory" in lease.why
