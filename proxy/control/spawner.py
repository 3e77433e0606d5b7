"""How the two kinds of child are started: which command, which sockets, which environment."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proxy.control.child import Child, start
from proxy.control.token import VARIABLE

KEEP_BYTES = str(256 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class Commands:
    """Command lines; each gets the private folder, its generation and its descriptors appended."""

    worker: tuple[str, ...]
    control: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sockets:
    """What was bound before any child started."""

    public: Sequence[socket.socket]
    console: Sequence[socket.socket]
    link: socket.socket


@dataclass(frozen=True, slots=True)
class Spawner:
    """Starts children of one server. Its methods raise `OSError`."""

    commands: Commands
    sockets: Sockets
    folder: str
    environ: Mapping[str, str]

    def control(self, generation: int) -> Child:
        return start(
            [*self.commands.control, f"--runtime={self.folder}"],
            generation=generation,
            environ=self.environ,
            inherited={"console-fd": self.sockets.console, "link-fd": [self.sockets.link]},
        )

    def worker(self, number: int, generation: int) -> Child:
        return start(
            [*self.commands.worker, f"--runtime={self.folder}", f"--worker={number}"],
            generation=generation,
            environ=worker_environ(self.environ),
            inherited={"public-fd": self.sockets.public},
        )

    def close_public(self) -> None:
        """Let go of the public port: it closes when the last worker lets go of it too."""
        for listener in self.sockets.public:
            listener.close()


def worker_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """A worker's environment: without the console's token, and with glibc told to keep what 100 KiB answers free.

    With glibc's own thresholds every such answer maps and unmaps memory anew.
    """
    kept = {name: value for name, value in environ.items() if name != VARIABLE}
    return {"MALLOC_MMAP_THRESHOLD_": KEEP_BYTES, "MALLOC_TRIM_THRESHOLD_": KEEP_BYTES} | kept
