"""Who moved what, when and why: the ledger, read, and whether it is whole."""

from pathlib import Path
from typing import Any, Final

from proxy.config.refused import Refused
from proxy.config.values import whole
from proxy.operations.errors import Code, OperationError
from proxy.rollout import ledger

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 10_000


def read_limit(given: str | None) -> int:
    """How many entries a query asks for. Raises OperationError."""
    try:
        return whole(1, MAX_LIMIT)(given) if given is not None else DEFAULT_LIMIT
    except Refused as refused:
        raise OperationError(Code.INVALID, f"limit: {refused.message}") from refused


def history(state_dir: str, route: str | None, limit: int) -> dict[str, Any]:
    """The newest entries, of one route or of all, oldest first. Reads the whole file. Raises OperationError."""
    path = Path(state_dir, ledger.FILE)
    try:
        entries, findings = ledger.read(path, limit, route)
        size = path.stat().st_size if path.exists() else 0
    except OSError as error:
        why = (error.strerror or "input/output error").lower()
        raise OperationError(Code.REFUSED, f"{path} cannot be read: {why}") from error
    broken = next((each for each in findings if each.broken), None)
    return {
        "file": str(path),
        "bytes": size,
        "entries": entries,
        "broken": broken and {"line": broken.line, "why": broken.why},
        "unfinished": [each.line for each in findings if not each.broken],
        "set_aside": sorted(each.name for each in path.parent.glob(f"{path.name}.broken-*")),
    }
