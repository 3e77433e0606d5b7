"""Single values of routes.yaml: text with its unit → a typed value. One function a kind, each raises Refused.

None of them guesses: a number without a unit, or `1.10` where text is meant, is turned down with what to write instead.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from proxy.config.errors import did_you_mean
from proxy.config.refused import Refused

E = TypeVar("E", bound=StrEnum)

NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
PART_NAME = "[A-Za-z][A-Za-z0-9_]{0,63}"
DURATION = r"[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)"
SHARE = r"[0-9]{1,3}(\.[0-9]{1,4})?%"
RATE = r"[0-9]{1,9}(\.[0-9]{1,3})?/(s|m|h)"
SIZE = r"[0-9]{1,12}(B|KB|MB|GB|KiB|MiB|GiB)?"

MAX_DURATION = timedelta(days=366)  # longer is a slip of the unit
MAX_RATE = 10_000_000  # a second
MAX_SIZE = 2**50  # 1 PiB: longer is a slip, and every sum of sizes stays a small int

_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_BYTES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_BYTES_BY_LETTER = {"k": "KiB", "m": "MiB", "g": "GiB"}


def text(value: object) -> str:
    """Text of one line. Numbers and true/false are refused, because YAML has changed them: 1.10 is 1.1 by now."""
    if isinstance(value, str):
        if not value.strip() or not value.isprintable():
            raise Refused(value, "must be text on one line")
        return str(value)
    if isinstance(value, int | float):
        kind = "true/false" if isinstance(value, bool) else "a number"
        raise Refused(value, f"is {kind}; text is expected", "put it in quotes as you mean it")
    raise Refused(value, "stands where text is expected")


def name(value: object) -> str:
    """A name of ours: of a route, an upstream, a group. It is a label of metrics and part of log lines."""
    given = text(value)
    if not re.fullmatch(NAME, given):
        plain = re.sub(r"[^a-z0-9._-]+", "-", given.lower()).strip("-._")[:64]
        reason = "is not a name: small letters, digits, . _ - and at most 64 of them"
        raise Refused(value, reason, f"{plain} would do" if re.fullmatch(NAME, plain) else None)
    return given


def part_name(value: object) -> str:
    """The name of a part of a composed answer: a key of its JSON, and an item of a header."""
    given = text(value)
    if not re.fullmatch(PART_NAME, given):
        hint = "names with _ before them are the proxy's, such as _errors" if given.startswith("_") else None
        raise Refused(value, "is not the name of a part: a letter, then letters, digits or _, at most 64", hint)
    return given


def whole(low: int, high: int) -> Callable[[object], int]:
    """A parser of whole numbers from `low` to `high`."""

    def parse(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refused(value, "is not a whole number")
        if not low <= value <= high:
            raise Refused(value, f"is not between {low} and {high}")
        return value

    return parse


def flag(value: object) -> bool:
    """true or false; `yes`, `on` and the like are text in YAML 1.2, and refused so that nobody has to know that."""
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value, value)
    if not isinstance(value, bool):
        meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(str(value).lower())
        raise Refused(value, "is neither true nor false", f"did you mean {meant}?" if meant else None)
    return value


def duration(low: timedelta, high: timedelta = MAX_DURATION) -> Callable[[object], timedelta]:
    """A parser of durations from `low` to `high`: 250ms, 1.5s, 15m, 2h, 30d."""

    def parse(value: object) -> timedelta:
        if value in (0, "0") and not isinstance(value, bool):
            value = "0s"
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise Refused(value, "has no unit", f"write {value}ms or {value}s")
        if not isinstance(value, str) or not (match := re.fullmatch(DURATION, value)):
            raise Refused(value, "is not a duration", "one number and one of ms, s, m, h, d, such as 250ms")
        unit = match[2]
        seconds = Decimal(value.removesuffix(unit)) * _SECONDS[unit]
        if seconds > Decimal(high.total_seconds()):
            raise Refused(value, f"is longer than {format_duration(high)}")
        result = timedelta(microseconds=int(seconds * 1_000_000))
        if result < low:
            raise Refused(value, f"is shorter than {format_duration(low)}")
        return result

    return parse


def share(low: float, high: float = 1.0) -> Callable[[object], float]:
    """A parser of shares, written 25% and given as 0.25; `low` and `high` are of the latter kind."""

    def parse(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            meant = value if value > 1 or value == 0 else round(value * 100, 4)
            raise Refused(value, "has no %", f"write {meant:g}%")
        if not isinstance(value, str) or not re.fullmatch(SHARE, value):
            raise Refused(value, "is not a share", "a number and %, such as 25% or 0.5%")
        result = float(Decimal(value.removesuffix("%")) / 100)
        if not low <= result <= high:
            raise Refused(value, f"is not between {format_share(low)} and {format_share(high)}")
        return result

    return parse


def rate(value: object) -> float:
    """A rate, written 50/s, 300/m or 1000/h, in times a second."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise Refused(value, "has no unit", f"write {value}/s or {value}/m")
    if not isinstance(value, str) or not re.fullmatch(RATE, value):
        raise Refused(value, "is not a rate", "a number, a slash, and one of s, m, h, such as 50/s")
    number, _, unit = value.partition("/")
    result = float(Decimal(number) / _SECONDS[unit])
    if not 0 < result <= MAX_RATE:
        raise Refused(value, f"is not above 0 and at most {MAX_RATE}/s")
    return result


def size(low: int, high: int = MAX_SIZE) -> Callable[[object], int]:
    """A parser of sizes in bytes: 32KiB, 1MB, 2GiB, or a whole number of bytes."""

    def parse(value: object) -> int:
        given = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(given, str) or not (match := re.fullmatch(SIZE, given)):
            raise Refused(value, "is not a size", _size_hint(given))
        unit = match[1] or "B"
        result = int(given.removesuffix(unit)) * _BYTES[unit]
        if not low <= result <= high:
            raise Refused(value, f"is not between {format_size(low)} and {format_size(high)}")
        return result

    return parse


def _size_hint(given: object) -> str:
    match = re.fullmatch(r"([0-9]{1,9}) ?([kmg])i?b?", given, re.IGNORECASE) if isinstance(given, str) else None
    if match:
        return f"did you mean {match[1]}{_BYTES_BY_LETTER[match[2].lower()]}?"
    return "a whole number and one of B, KB, MB, GB, KiB, MiB, GiB, such as 32KiB"


def day(value: object) -> date:
    """A date, 2026-09-01 (RFC 3339 full-date)."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise Refused(value, "is no day of the calendar") from None
    raise Refused(value, "is not a date", "year-month-day, such as 2026-09-01")


def choice(kinds: type[E], noun: str) -> Callable[[object], E]:
    """A parser of one word of a closed set."""

    def parse(value: object) -> E:
        if isinstance(value, str) and value in list(kinds):
            return kinds(value)
        known = ", ".join(kinds)
        near = did_you_mean(value, kinds) if isinstance(value, str) else None
        raise Refused(value, f"is not {noun}: {known}", near)

    return parse


def one_of(numbers: Iterable[int], noun: str) -> Callable[[object], int]:
    """A parser of one number of a closed set."""
    known = tuple(numbers)

    def parse(value: object) -> int:
        number = whole(0, 10**9)(value)
        if number not in known:
            raise Refused(number, f"is not {noun}: {', '.join(map(str, known))}")
        return number

    return parse


def format_duration(value: timedelta) -> str:
    """The shortest way to write a duration in the file: 30s, 5m, 250ms."""
    milliseconds = value // timedelta(milliseconds=1)
    for unit, factor in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % factor == 0:
            return f"{milliseconds // factor}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def format_share(value: float) -> str:
    """A share as the file writes it: 0.25 is 25%."""
    return f"{round(value * 100, 4):g}%"


def format_size(value: int) -> str:
    """The shortest way to write a size in the file: 32KiB, 100MiB, 17B."""
    for unit in ("GiB", "MiB", "KiB"):
        if value and value % _BYTES[unit] == 0:
            return f"{value // _BYTES[unit]}{unit}"
    return f"{value}B"
