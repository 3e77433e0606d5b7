"""What the kernel says about processes and their TCP connections on 127.0.0.1."""

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

_ESTABLISHED = "01"


def accepted_by(pid: int, port: int) -> set[int]:
    """The ports of the clients whose connections to `port` process `pid` has accepted."""
    return {theirs for ours, theirs in _connections(pid) if ours == port}


def opened_by(pid: int, port: int) -> set[int]:
    """The process's own ports of its connections to `port`."""
    return {ours for ours, theirs in _connections(pid) if theirs == port}


def _connections(pid: int) -> Iterator[tuple[int, int]]:
    """Both ports, the process's first, of every established connection that it holds (proc(5), /proc/net/tcp)."""
    inodes = _sockets(pid)
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == _ESTABLISHED and fields[9] in inodes:
            yield _port(fields[1]), _port(fields[2])


def _sockets(pid: int) -> Collection[str]:
    """Inodes of all sockets that a process has open."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            link = str(entry.readlink())
            if link.startswith("socket:["):
                found.add(link[len("socket:[") : -1])
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
