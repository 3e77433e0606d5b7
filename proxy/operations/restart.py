"""Replace the workers one by one, each only when its successor serves."""

from typing import Any

from proxy.control.plane import ControlPlane
from proxy.operations.errors import Code, OperationError


def rolling_restart(plane: ControlPlane) -> dict[str, Any]:
    """Begin; `{workers}` says how many will be replaced. Raises `OperationError` (refused) while draining."""
    if plane.family.draining:
        raise OperationError(Code.REFUSED, "the server is draining")
    plane.rolling_restart()
    return {"workers": plane.launch.workers}
