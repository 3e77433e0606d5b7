"""What a process tree costs: CPU seconds and resident memory, and what the hypervisor took, all from the kernel.

It only reads. A process that ends between two reads counts as zero from then on, unless its parent has reaped it.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def _stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third (state) on: the second, the command, may hold spaces and brackets."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def process_tree(root: int) -> list[int]:
    """`root` and all its living descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                children[int(_stat_fields(int(entry.name))[1])].append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return list(_walk(root, children))


def _walk(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, ()):
        yield from _walk(child, children)


def process_cpu_seconds(pid: int) -> float:
    """User and system time of one process with all its threads, plus that of children it has waited for.

    Its own share comes from the process's CPU clock (clock_getcpuclockid(3)), in nanoseconds: the ticks of 10 ms in
    /proc/PID/stat are too coarse for a proxy that serves 200 requests a second. Reaped children exist only as ticks.
    """
    cpu_clock = (~pid << 3) | 2
    fields = _stat_fields(pid)
    reaped_ticks = int(fields[13]) + int(fields[14])
    return time.clock_gettime(cpu_clock) + reaped_ticks / TICKS_PER_SECOND


def tree_cpu_seconds(root: int) -> float:
    """CPU seconds of `root` and its descendants so far."""
    total = 0.0
    for pid in process_tree(root):
        try:
            total += process_cpu_seconds(pid)
        except OSError:
            continue
    return total


def resident_bytes(pid: int) -> int:
    """Resident memory of one process; 0 when it is gone."""
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE_BYTES
    except (FileNotFoundError, ProcessLookupError):
        return 0


def tree_resident_bytes(root: int) -> int:
    """Resident memory of `root` and its descendants; pages that they share are counted in each."""
    return sum(resident_bytes(pid) for pid in process_tree(root))


def reset_peak_resident(pid: int) -> None:
    """Forget the high-water mark of resident memory (proc(5), clear_refs)."""
    (PROC / str(pid) / "clear_refs").write_text("5")


def peak_resident_bytes(pid: int) -> int:
    """High-water mark of resident memory since the start, or since `reset_peak_resident`."""
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} has no VmHWM: it is a kernel thread or has ended")


@dataclass(frozen=True, slots=True)
class MachineTime:
    """Ticks of all processors together since boot: in all, and those taken away by the hypervisor."""

    total_ticks: int
    stolen_ticks: int

    def stolen_share_since(self, earlier: "MachineTime") -> float:
        """Part of the time between two readings that the hypervisor gave to others, 0 to 1."""
        total = self.total_ticks - earlier.total_ticks
        return (self.stolen_ticks - earlier.stolen_ticks) / total if total else 0.0


def machine_time() -> MachineTime:
    """Read the first line of /proc/stat (proc(5)): user nice system idle iowait irq softirq steal, then guest time."""
    ticks = [int(field) for field in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    return MachineTime(total_ticks=sum(ticks), stolen_ticks=ticks[7])
