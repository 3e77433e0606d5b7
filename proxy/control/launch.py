"""What the supervisor tells the processes it starts: plain data in the private folder, and a few file descriptors.

It must never hold a secret: the console's token travels in the environment or stays in its file.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from proxy.config.model import Address, Snapshot

LAUNCH_FILE = "launch.json"
SNAPSHOT_FILE = "snapshot.json"
LINK_SOCKET = "link.sock"


@dataclass(frozen=True, slots=True)
class Launch:
    """One `strangler serve`. `..._bound` have the ports the system chose."""

    config: str  # as given; children share the working directory
    workers: int
    folder: str
    started_at: float  # seconds since 1970
    public_bound: tuple[Address, ...]
    console_bound: tuple[Address, ...]
    public_override: Address | None = None
    console_override: Address | None = None

    @property
    def snapshot_file(self) -> Path:
        """The last snapshot that was taken: what a process starts with."""
        return Path(self.folder, SNAPSHOT_FILE)

    @property
    def link_socket(self) -> str:
        return str(Path(self.folder, LINK_SOCKET))


def override_addresses(snapshot: Snapshot, public: Address | None, console: Address | None) -> Snapshot:
    """The snapshot with the addresses that the command line puts in place of the file's."""
    listen = snapshot.listen
    return replace(snapshot, listen=replace(listen, public=public or listen.public, console=console or listen.console))


def write_launch(launch: Launch) -> None:
    Path(launch.folder, LAUNCH_FILE).write_text(json.dumps(asdict(launch)))


def read_launch(folder: str) -> Launch:
    """What the supervisor wrote. Raises `OSError`, or `KeyError` and `TypeError` when another version wrote it."""
    fields = json.loads(Path(folder, LAUNCH_FILE).read_text())
    for name in ("public_override", "console_override"):
        fields[name] = fields[name] and Address(**fields[name])
    for name in ("public_bound", "console_bound"):
        fields[name] = tuple(Address(**address) for address in fields[name])
    return Launch(**fields)
