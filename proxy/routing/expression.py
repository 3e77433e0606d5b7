"""Regular expressions of users: RE2 only, so that a match takes time linear in the text, whatever the pattern.

A value must match as a whole. Several expressions are asked in one pass; none is ever tried with backtracking.
"""

from collections.abc import Sequence

import re2


class Expressions:
    """An ordered list of expressions. `match` returns the indexes, ascending, of those that match the whole text."""

    __slots__ = ("_automata", "texts")

    def __init__(self, texts: Sequence[str]) -> None:
        """Raises ValueError, naming the expression, for one that RE2 refuses."""
        for text in texts:
            compile_expression(text)
        self.texts = tuple(texts)
        self._automata = _automata(self.texts, 0)

    def match(self, text: str) -> Sequence[int]:
        found: list[int] = []
        for first, automaton in self._automata:
            indexes = automaton.Match(text)
            if indexes:
                found.extend(first + index for index in sorted(indexes))
        return found


def compile_expression(text: str) -> "re2._Regexp":
    """Raises ValueError for what RE2 refuses: look-around, back-references, oversized repetitions."""
    try:
        return re2.compile(text, _options())
    except re2.error as error:
        reason = error.args[0] if error.args else "unknown"
        said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{text!r} is not an expression RE2 accepts: {said}") from error


def never_begins_with_slash(text: str) -> bool:
    """Whether no text that the expression matches begins with `/`, as every path does."""
    bounds = compile_expression(f"^(?:{text})$").possiblematchrange(8)
    low, high = bounds if bounds else (b"", b"\xff")
    return bool(high < b"/" or low >= b"0")  # `0` follows `/` in ASCII


class _One:
    """An expression too large for an automaton; RE2 then matches it with little memory, still in linear time."""

    def __init__(self, text: str) -> None:
        self._expression = compile_expression(text)

    def Match(self, text: str) -> list[int]:  # noqa: N802 - stands in for re2.Set
        return [0] if self._expression.fullmatch(text) else []


def _automata(texts: tuple[str, ...], first: int) -> list[tuple[int, "re2.Set | _One"]]:
    """As few automata as RE2's memory limit allows, each with the index of its first expression.

    One automaton takes about 1.5 us a text however many expressions it holds; asked singly, each takes 2 to 10 us.
    """
    if not texts:
        return []
    automaton = re2.Set.FullMatchSet(_options())
    for text in texts:
        automaton.Add(text)
    try:
        automaton.Compile()
    except re2.error:
        if len(texts) == 1:
            return [(first, _One(texts[0]))]
        half = len(texts) // 2
        return _automata(texts[:half], first) + _automata(texts[half:], first + half)
    return [(first, automaton)]


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False  # RE2 would write to stderr; a refusal is the caller's to show
    return options
