"""What is wrong with a routes.yaml, and where: problems are values, gathered and shown all at once.

A problem never quotes a value that came from the environment or from a secret's file.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from proxy.config.place import Place

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `place` is None when the file as a whole is meant (it is missing, say)."""

    place: Place | None
    message: str
    hint: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        kind = "warning: " if self.severity == "warning" else ""
        return f"{where}{kind}{self.message}" + (f" (hint: {self.hint})" if self.hint else "")

    def as_json(self) -> dict[str, Any]:
        """Plain data: file, line and column (null without a place), message, hint, severity."""
        place = self.place
        return {
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
            "message": self.message,
            "hint": self.hint,
            "severity": self.severity,
        }


class ConfigError(Exception):
    """A routes.yaml that cannot be used. `problems` has at least one error, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The hint for a word that is not one of `known`, or None when nothing comes near."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_lower, n=1)
    return f'did you mean "{by_lower[close[0]]}"?' if close else None
