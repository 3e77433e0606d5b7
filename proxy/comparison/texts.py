"""When two texts say the same: with what the rules mask taken out, and the two sides' own hosts read as one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from proxy.comparison.rules import Treatment

_NUMBER = re.compile(r"-?[0-9]{1,60}(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,6})?")


class Hosts:
    """The authorities under which the two sides are reached, such as `127.0.0.1:8000`. They name one site."""

    def __init__(self, authorities: Iterable[str] = ()) -> None:
        known = sorted({authority.lower() for authority in authorities if authority}, key=len, reverse=True)
        expression = rf"(?:https?:)?//(?:{'|'.join(map(re.escape, known))})(?![\w.:-])"
        self._expression = re.compile(expression, re.IGNORECASE) if known else None

    def __bool__(self) -> bool:
        return self._expression is not None

    def bare(self, text: str) -> str:
        """The text with every URL of either side made relative."""
        if self._expression is None or "//" not in text:
            return text
        return self._expression.sub(lambda found: "" if text.startswith("/", found.end()) else "/", text)


def plain(text: str, treatment: Treatment, hosts: Hosts) -> str:
    """What of a text is compared."""
    return treatment.masked(hosts.bare(text))


def same_text(left: str, right: str, treatment: Treatment, hosts: Hosts) -> bool:
    """Whether two texts are the same under the rules."""
    return (
        left == right
        or plain(left, treatment, hosts) == plain(right, treatment, hosts)
        or close(left, right, treatment)
    )


def close(left: str, right: str, treatment: Treatment) -> bool:
    """Whether these are two numbers that a tolerance holds for, and near enough."""
    return treatment.within is not None and is_number(left) and is_number(right) and treatment.within.close(left, right)


def is_number(text: str) -> bool:
    """Whether a text is a number whose value can be worked out at no cost."""
    return _NUMBER.fullmatch(text) is not None
