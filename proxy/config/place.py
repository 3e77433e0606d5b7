"""Where in a file something stands: what every problem, and every rule that can be one, remembers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file something was written; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"
