"""Read routes.yaml again, now, and say what came of it."""

from typing import Any

from proxy.control.plane import ControlPlane
from proxy.operations.errors import Code, OperationError


async def reload(plane: ControlPlane) -> dict[str, Any]:
    """`{revision, changed, late}`, once every connected worker has taken it; `late` are those that did not say.

    Raises `OperationError` (invalid), with one detail a problem; the snapshot before goes on serving.
    """
    result = await plane.reload("api")
    if result.problems:
        count = len(result.problems)
        raise OperationError(
            Code.INVALID,
            f"{count} problem{'s' if count > 1 else ''}; revision {result.revision} goes on serving",
            tuple(str(problem) for problem in result.problems),
        )
    return {"revision": result.revision, "changed": result.changed, "late": list(result.late)}
