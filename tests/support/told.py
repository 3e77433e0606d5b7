"""A log that is kept in memory."""

from typing import Any


class Told:
    """What was said, in order: level, event, facts."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append(("warning", event, fields))

    def events(self, event: str) -> list[dict[str, Any]]:
        """The facts of each event of that name."""
        return [fields for _, name, fields in self.lines if name == event]
