"""Drafts a routes.yaml and writes it. A file that is there is never replaced unless that was asked for."""

from pathlib import Path

from proxy.config import ConfigError, Snapshot
from proxy.config.source import load_text
from proxy.control.folder import write_atomically
from proxy.inventory.draft import DEFAULT_LEGACY, draft
from proxy.inventory.patterns import Urlconf
from proxy.operations.errors import Code, OperationError


def compose_draft(urlconf: Urlconf, legacy: str | None) -> tuple[str, Snapshot]:
    """The text, and what it means. Raises OperationError when it would be no valid routes.yaml."""
    text = draft(urlconf, legacy or DEFAULT_LEGACY)
    try:
        return text, load_text(text, "the draft", {}, Path.cwd())
    except ConfigError as error:
        details = tuple(str(problem) for problem in error.problems)
        raise OperationError(Code.INVALID, "what was drafted is not a valid routes.yaml", details) from None


def write_draft(text: str, path: Path, *, force: bool) -> None:
    """Raises OperationError when the file is there, or cannot be written."""
    try:
        if force:
            write_atomically(path.resolve(), text.encode())
            return
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise OperationError(Code.INVALID, f"{path} is there already", ("--force replaces it",)) from None
    except OSError as error:
        raise OperationError(Code.INVALID, f"{path}: {(error.strerror or str(error)).lower()}") from None
