"""Which outcomes of a request count for something, as routes.yaml lists them: errors, statuses, classes of statuses.

The list is closed, and the same for retries, breakers and fallback. An answer below 400 is no failure, so it cannot
stand there.
"""

import re
from collections.abc import Iterable

from proxy.config.errors import did_you_mean
from proxy.config.policy import Conditions, ErrorCondition
from proxy.config.refused import Refused

_CLASSES = {"4xx": tuple(range(400, 500)), "5xx": tuple(range(500, 600))}
_CLASS = re.compile("([1-5])xx")
_RANGE = re.compile(r"([1-5][0-9]{2})\s*-\s*([1-5][0-9]{2})")

KNOWN = f"{', '.join(ErrorCondition)}, a status (503) or a class of them (5xx)"


def condition(value: object) -> Conditions:
    """One entry of a list of conditions."""
    if isinstance(value, str) and value in list(ErrorCondition):
        return Conditions(errors=(ErrorCondition(value),))
    if isinstance(value, str) and value in _CLASSES:
        return Conditions(statuses=_CLASSES[value])
    status = _status(value)
    if status is None:
        near = did_you_mean(value, ErrorCondition) if isinstance(value, str) else None
        raise Refused(value, f"is not a condition: {KNOWN}", near)
    if not 400 <= status <= 599:
        raise Refused(value, "is not the status of a failure", "400 to 599 are")
    return Conditions(statuses=(status,))


def merge(parts: Iterable[Conditions]) -> Conditions:
    """All of them as one."""
    given = tuple(parts)
    errors = {error for part in given for error in part.errors}
    statuses = {status for part in given for status in part.statuses}
    return Conditions(tuple(error for error in ErrorCondition if error in errors), tuple(sorted(statuses)))


def format_conditions(conditions: Conditions) -> list[str | int]:
    """The shortest list that says the same."""
    left = set(conditions.statuses)
    said: list[str | int] = [error.value for error in conditions.errors]
    for name, members in _CLASSES.items():
        if left.issuperset(members):
            said.append(name)
            left.difference_update(members)
    return said + sorted(left)


def statuses(value: object) -> tuple[int, int]:
    """Statuses that are expected: 200, 2xx or 200-399, as the first and the last of them."""
    if isinstance(value, str) and (found := _CLASS.fullmatch(value)):
        return int(found[1]) * 100, int(found[1]) * 100 + 99
    if isinstance(value, str) and (found := _RANGE.fullmatch(value)):
        low, high = int(found[1]), int(found[2])
        if low > high:
            raise Refused(value, "ends before it begins", f"did you mean {high}-{low}?")
        return low, high
    status = _status(value)
    if status is None or not 100 <= status <= 599:
        raise Refused(value, "is not a status, nor a range of them", "such as 200, 2xx or 200-399")
    return status, status


def _status(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch("[0-9]{3}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
