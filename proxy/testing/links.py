"""Which values the two sides made for themselves and mean the same by: an id here, another one there.

A test says so by using a paired value in a request, or by naming its place as the sides' own. From then on the two are
read as one, wherever they stand. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from proxy.comparison.difference import Difference
from proxy.config.json_path import JsonPath, parse_path
from proxy.testing.paired import Paired
from proxy.wire.exchange import CapturedAnswer

DISTINCT: Final = 8
"""Characters from which a text is read as one with its partner anywhere in an answer. 7 and 9 are too often a count."""

_EDGES: Final = r"(?<![0-9A-Za-z])(?:{})(?![0-9A-Za-z])"


class Links:
    """The pairs known so far, for the length of one test."""

    def __init__(self) -> None:
        self._legacy_of: dict[str, str] = {}  # by the service's

    def learn(self, used: Iterable[Paired]) -> None:
        """From pairs that a request was made of. A word without a digit is a status or a name rather than an id."""
        for pair in used:
            if any(character.isdigit() for character in str(pair.service)):
                self._add(pair.legacy, pair.service)

    def learn_own(self, path: str, legacy: bytes, service: bytes) -> None:
        """From what `path` selects in two bodies of JSON, one after the other. Raises Refused for what is no path."""
        steps = parse_path(path)
        ones, others = (located(_read(body), steps) for body in (legacy, service))
        if len(ones) == len(others):
            for one, other in zip(ones, others, strict=True):
                self._add(one, other)

    def renamed(self, answer: CapturedAnswer) -> CapturedAnswer:
        """The service's answer as it would be with the monolith's names for what both made."""
        names = {name: legacy for name, legacy in self._legacy_of.items() if min(len(name), len(legacy)) >= DISTINCT}
        if not names:
            return answer
        known = _any_of(names)

        def rename(text: str) -> str:
            return known.sub(lambda found: names[found[0]], text)

        body = rename(answer.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        return replace(answer, fields=tuple((name, rename(said)) for name, said in answer.fields), body=body)

    def explain(self, difference: Difference) -> bool:
        """Whether a difference is none, once what is too short to be renamed is read as one here too."""
        if difference.left is None or difference.right is None or not self._legacy_of:
            return False
        left = _any_of(self._legacy_of.values()).sub(lambda found: f"\0{found[0]}", difference.left)
        right = _any_of(self._legacy_of).sub(lambda found: f"\0{self._legacy_of[found[0]]}", difference.right)
        return left == right

    def _add(self, legacy: Any, service: Any) -> None:
        """Texts and numbers alone are names of something."""
        if type(legacy) is type(service) and type(legacy) in (str, int) and legacy != service and legacy and service:
            self._legacy_of[str(service)] = str(legacy)


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    """The longest of these that stands at a place, as a word."""
    return re.compile(_EDGES.format("|".join(map(re.escape, sorted(names, key=len, reverse=True)))))


def located(value: Any, path: JsonPath) -> list[Any]:
    """What a path selects of decoded JSON, in the order of the document."""
    found = [value]
    for step in path:
        reached = [below for each in found for below in (_all_below(each) if step.descends else [each])]
        found = [child for each in reached for child in _children(each, step.selector)]
    return found


def _children(value: Any, selector: str | int | None) -> list[Any]:
    if isinstance(value, dict) and not isinstance(selector, int):
        return list(value.values()) if selector is None else [value[selector]] if selector in value else []
    if isinstance(value, list) and not isinstance(selector, str):
        return list(value) if selector is None else value[selector : selector + 1]
    return []


def _all_below(value: Any) -> list[Any]:
    below = [value]
    for child in _children(value, None):
        below += _all_below(child)
    return below


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
