"""Asks a Django project for its URLconf: in a process of the monolith's own interpreter, because the proxy must neither
import Django nor the monolith. Its settings run there as `manage.py` would run them, in the present folder.
"""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

from proxy.inventory import patterns
from proxy.inventory.patterns import Urlconf
from proxy.operations.errors import Code, OperationError

SECONDS: Final = 120.0  # what a project may take to be imported
SCRIPT: Final = Path(patterns.__file__).with_name("read_urlconf.py")
MARK: Final = "strangler-urlconf:"  # begins the script's last line; a project may print what it likes before it
MAX_BYTES: Final = 32 * 1024 * 1024


def ask_django(settings: str, python: str) -> dict[str, Any]:
    """The document that `read_file` takes. Raises OperationError."""
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own interpreter and project
            [python, "-c", SCRIPT.read_text(encoding="utf-8"), settings],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except OSError as error:
        message = f"{python} cannot be run: {(error.strerror or str(error)).lower()}"
        raise OperationError(Code.INVALID, message, ("--python names the monolith's own interpreter",)) from None
    except subprocess.TimeoutExpired:
        raise OperationError(Code.INVALID, f"settings {settings} were not imported within {SECONDS:.0f} s") from None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    said = next((line.removeprefix(MARK) for line in reversed(lines) if line.startswith(MARK)), None)
    if said is None:
        message = f"{python} ended with status {done.returncode} and did not say what the URLconf is"
        raise OperationError(Code.INVALID, message, tuple(done.stderr.decode("utf-8", "replace").splitlines()[-3:]))
    found: dict[str, Any] = json.loads(said)
    if "error" in found:
        raise OperationError(Code.INVALID, str(found["error"]), _advice(str(found["error"])))
    return found


def _advice(error: str) -> tuple[str, ...]:
    if error.startswith("django"):
        return ("--python names the monolith's own interpreter, such as .venv/bin/python",)
    if "No module named" in error:
        return ("run it in the folder of manage.py, or set PYTHONPATH",)
    return ()


def read_document(document: Any, name: str) -> Urlconf:
    """Raises OperationError for what is no URLconf."""
    try:
        return patterns.read_urlconf(document)
    except ValueError as error:
        raise OperationError(Code.INVALID, f"{name}: {error}") from None


def read_file(path: str) -> Urlconf:
    """A URLconf that was kept as JSON. Raises OperationError."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise OperationError(Code.INVALID, f"{path}: it has more than {MAX_BYTES:,} bytes")
        return read_document(json.loads(data), path)
    except OSError as error:
        raise OperationError(Code.INVALID, f"{path}: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, RecursionError):
        raise OperationError(Code.INVALID, f"{path}: it is not JSON") from None
