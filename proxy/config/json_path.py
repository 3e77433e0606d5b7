"""The JSON paths that rules may use: a subset of RFC 9535 that can be followed step by step while a value is walked.

Read are `$`, `.name`, `['name']`, `[n]`, `.*`, `[*]`, and `..` before a name, an index or `*`. Filters, slices, lists
of selectors and indices from the end need the whole value before them, and are refused by name.
"""

import re
from dataclasses import dataclass

from proxy.config.refused import Refused
from proxy.config.values import text

MAX_LENGTH = 500  # characters
MAX_STEPS = 32  # deeper than any body that is compared
MAX_INDEX = 2**53 - 1  # RFC 9535 section 2.1: integers are those of I-JSON

_BLANKS = re.compile(r"[ \t\n\r]*")
_NAME = re.compile(r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*")  # member-name-shorthand
_INDEX = re.compile(r"(?:0|[1-9][0-9]*)(?![0-9])")
_QUOTED = re.compile(
    r"""'(?:[^'\\\x00-\x1f]|\\(?:[bfnrt/\\']|u[0-9A-Fa-f]{4}))*'|"(?:[^"\\\x00-\x1f]|\\(?:[bfnrt/\\"]|u[0-9A-Fa-f]{4}))*\""""
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)")
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SUBSET = "$.name, ['name'], [0], [*] and ..name work"


@dataclass(frozen=True, slots=True)
class Step:
    """One step down: to a member (a name), an element (an index from 0), or to all of them (None).

    With `descends` it is taken from the value itself and from everything below it.
    """

    selector: str | int | None
    descends: bool = False


JsonPath = tuple[Step, ...]
"""The steps from the whole value, which `()` stands for."""


def json_path(value: object) -> str:
    """A path as routes.yaml states it: the text, once it is known to parse. Raises Refused."""
    given = text(value)
    parse_path(given)
    return given


def parse_path(given: str) -> JsonPath:
    """The steps of a path. Raises Refused, which says where in the text it stopped being one."""
    if len(given) > MAX_LENGTH:
        raise Refused(None, f"a JSON path of {len(given)} characters; at most {MAX_LENGTH} are taken")
    if not given.startswith("$"):
        raise Refused(given, "is not a JSON path: it begins with $", _meant(given))
    steps: list[Step] = []
    position = 1
    while position < len(given):
        start = _after_blanks(given, position)
        if start == len(given):
            raise Refused(given, "ends with a blank")
        step, position = _step(given, start)
        steps.append(step)
    if len(steps) > MAX_STEPS:
        raise Refused(given, f"has more than {MAX_STEPS} steps")
    return tuple(steps)


def _step(given: str, start: int) -> tuple[Step, int]:
    """The step that begins at `start`, and where the next one does."""
    descends = given.startswith("..", start)
    position = start + 2 if descends else start
    if given.startswith("[", position):
        selector, end = _bracket(given, position + 1)
        return Step(selector, descends), end
    if not descends:
        if given[position] != ".":
            meant = _meant(given[1:]) if position == 1 else _hint_at(given, position)
            raise _stopped(given, position, meant)
        position += 1
    if given.startswith("*", position):
        return Step(None, descends), position + 1
    if found := _NAME.match(given, position):
        _check_end(given, found.end())
        return Step(found[0], descends), found.end()
    raise _stopped(given, position, _hint_at(given, position))


def _bracket(given: str, start: int) -> tuple[str | int | None, int]:
    """What stands between [ and ], and where it ended."""
    position = _after_blanks(given, start)
    selector: str | int | None
    if given.startswith("*", position):
        selector, end = None, position + 1
    elif found := _QUOTED.match(given, position):
        selector, end = _unquoted(given, found[0]), found.end()
    elif (found := _INDEX.match(given, position)) and len(found[0]) <= 16 and int(found[0]) <= MAX_INDEX:
        selector, end = int(found[0]), found.end()
    else:
        raise _stopped(given, position, _bracket_hint(given, position))
    end = _after_blanks(given, end)
    if not given.startswith("]", end):
        raise _stopped(given, end, _bracket_hint(given, end))
    return selector, end + 1


def _unquoted(given: str, quoted: str) -> str:
    def unescape(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPED.get(code, code)

    name = _ESCAPE.sub(unescape, quoted[1:-1])
    try:
        return name.encode("utf-16-le", "surrogatepass").decode("utf-16-le")  # two halves of a pair become one
    except UnicodeDecodeError:
        raise Refused(given, "names half of a surrogate pair, which no JSON text can hold") from None


def _after_blanks(given: str, start: int) -> int:
    found = _BLANKS.match(given, start)
    return found.end() if found else start


def _check_end(given: str, end: int) -> None:
    """A name is followed by the next step; anything else was meant to be part of it."""
    if end < len(given) and given[end] not in ".[ \t":
        raise _stopped(given, end, _hint_at(given, end))


def _stopped(given: str, position: int, hint: str) -> Refused:
    return Refused(given, f"is not a JSON path we read, from its character {position + 1} on", hint)


def _hint_at(given: str, position: int) -> str:
    here = given[position : position + 1]
    if not here:
        return "a name, or *, is missing at its end"
    if here == "(":
        return f"functions are not read; {_SUBSET}"
    before = re.search(r"[A-Za-z0-9_-]*$", given[:position])
    after = re.match(r"[^.\[\]'\"\s]*", given[position:])
    word = (before[0] if before else "") + (after[0] if after else "")
    return f"a name of other characters than letters, digits and _ is quoted: ['{word}']" if word else _SUBSET


def _bracket_hint(given: str, position: int) -> str:
    rest = given[position:]
    if rest.startswith("?"):
        return f"filters are not read; {_SUBSET}"
    if re.match(r"-?[0-9]*\s*:", rest):
        return f"slices are not read; {_SUBSET}"
    if rest.startswith(","):
        return "one selector stands in brackets: write a path for each"
    if re.match(r"-[0-9]", rest):
        return "elements are counted from the start: [0] is the first"
    if found := re.match(r"[A-Za-z_][A-Za-z0-9_-]*(?=\])", rest):
        return f"a name in brackets is quoted: ['{found[0]}']"
    return "] is missing" if not rest else _SUBSET


def _meant(given: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*|\[(\*|[0-9]+)\])*", given):
        return f"did you mean $.{given}?"
    return f"did you mean ${given}?" if given.startswith((".", "[")) else _SUBSET
