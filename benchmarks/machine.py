"""What a table must say about where it was measured. No names of hosts or users: tables are published."""

import datetime
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peer import first_version, required, said_by


@dataclass(frozen=True, slots=True)
class Machine:
    """The ground of one set of rounds."""

    date: str
    processor: str
    processors: int
    memory_gib: float
    system: str
    load_generator: str

    def __str__(self) -> str:
        return (
            f"{self.date}, {self.processors} × {self.processor}, {self.memory_gib:.0f} GiB, {self.system}, "
            f"wrk {self.load_generator}"
        )


def this_machine() -> Machine:
    """Read from /proc, the operating system's release file and wrk itself."""
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        processor=processor(),
        processors=os.cpu_count() or 1,
        memory_gib=memory_bytes / 2**30,
        system=f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        load_generator=first_version(said_by([required("wrk"), "-v"])),
    )


def processor() -> str:
    """The model's name, or the architecture where /proc/cpuinfo has none (ARM)."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
