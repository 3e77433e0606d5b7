"""[IO] A damaged file, moved out of the way for a person to look at: under its own name and the time.

Nothing is ever deleted or written over here.
"""

from datetime import datetime
from pathlib import Path


def set_aside(path: Path, now: datetime) -> Path:
    """Where it is from now on. Raises OSError."""
    kept = path.with_name(f"{path.name}.broken-{now:%Y%m%dT%H%M%S%fZ}")
    path.rename(kept)
    return kept
