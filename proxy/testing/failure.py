"""What a test says when its two answers differ: the differences by field, and how to ask both sides oneself.

Secrets are masked in all of it. What a difference shows is taken from the masked answers; one that only the answers as
they came have is in a secret itself, and shown by its place alone. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from proxy import clock
from proxy.comparison.curl import curl
from proxy.comparison.difference import Comparison, Difference
from proxy.wire.exchange import LEGACY, SERVICE, CapturedAnswer, CapturedRequest, Exchange
from proxy.wire.redaction import Redactor

MAX_FIELDS: Final = 20  # that are listed
_MASKED: Final = "***"


class Sides(NamedTuple):
    """What was asked and answered, the monolith's first."""

    requests: tuple[CapturedRequest, CapturedRequest]
    answers: tuple[CapturedAnswer, CapturedAnswer]
    origins: tuple[str, str]


class Failure(NamedTuple):
    """The text for people, and the properties of the test for a report."""

    text: str
    properties: tuple[tuple[str, str], ...]


Compare = Callable[[CapturedAnswer, CapturedAnswer], Comparison]


def tell(found: Comparison, sides: Sides, route: str | None, compare: Compare) -> Failure:
    """`found` is what the answers as they came differ in; `compare` finds it in others by the same rules."""
    masked, redactor = _masked(sides, route)
    differences = [replace(each, path=redactor.text(each.path)) for each in _shown(found, compare(*masked.answers))]
    fields = _fields(differences)
    commands = [curl(request, origin) for request, origin in zip(masked.requests, masked.origins, strict=True)]
    of_route = f" (route {route})" if route else ""
    asked = f"{masked.requests[0].method} {masked.requests[0].target}{of_route}"
    listed = [_line(difference, count) for difference, count in fields[:MAX_FIELDS]]
    if left_out := len(fields) - MAX_FIELDS:
        listed += [f"… and {left_out} more fields"] if left_out > 0 else []
    if found.more:
        listed.append(f"… and {found.more} more differences")
    if found.undecided:
        listed.append(f"the bodies cannot be judged: {found.undecided}")
    text = [f"{asked}: the two sides differ" if differences else f"{asked}: the two sides cannot be compared"]
    text += [f"  {line}" for line in listed]
    text += ["ask them (secrets are masked):", f"  legacy   {commands[0]}", f"  service  {commands[1]}"]
    return Failure(
        "\n".join(text),
        (
            ("strangler_differences", f"{asked}\n" + "\n".join(listed)),
            ("strangler_curl_legacy", commands[0]),
            ("strangler_curl_service", commands[1]),
        ),
    )


def _masked(sides: Sides, route: str | None) -> tuple[Sides, Redactor]:
    """One redactor for both, so that one secret has one mark."""
    redactor = Redactor()
    redacted = [
        redactor.redact(Exchange(clock.now(), route, request, {role: answer}, role))
        for role, request, answer in zip((LEGACY, SERVICE), sides.requests, sides.answers, strict=True)
    ]
    one, other = redacted
    answers = (one.answers[LEGACY], other.answers[SERVICE])
    return Sides((one.request, other.request), answers, sides.origins), redactor


def _shown(found: Comparison, masked: Comparison) -> list[Difference]:
    texts = {(each.kind, each.path, each.place): each for each in masked.differences}
    return [
        texts.get((each.kind, each.path, each.place))
        or replace(each, left=each.left and _MASKED, right=each.right and _MASKED)
        for each in found.differences
    ]


def _fields(differences: list[Difference]) -> list[tuple[Difference, int]]:
    """The first difference of each kind and field, and how many there are; in the order of the answer."""
    counts = Counter((each.kind, each.path) for each in differences)
    first: dict[tuple[str, str], Difference] = {}
    for each in differences:
        first.setdefault((each.kind, each.path), each)
    return [(each, counts[each.kind, each.path]) for each in first.values()]


def _line(difference: Difference, count: int) -> str:
    where = f"   at {difference.place}" if difference.place != difference.path else ""
    times = f" ({count} times)" if count > 1 else ""
    left, right = (_MISSING if text is None else text for text in (difference.left, difference.right))
    return f"{difference.kind:<13} {difference.path}{times}   legacy {left}   service {right}{where}"


_MISSING: Final = "(nothing)"
