"""How much of a stream the kernel takes that nobody reads."""

from pathlib import Path


def grown_to(buffer: str) -> int:
    """The bytes to which the kernel lets one `tcp_rmem` or `tcp_wmem` grow by itself."""
    return int(Path("/proc/sys/net/ipv4", buffer).read_text().split()[2])
