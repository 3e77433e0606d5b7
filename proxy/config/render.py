"""Values as YAML on one line: what an edit writes into a file. Plain where that is safe, quoted otherwise."""

import re

from proxy.config.core_schema import resolve
from proxy.config.spans import Plain

# Narrower than the grammar (YAML 1.2 section 7.3.3): safe in brackets and outside, and to the eye.
_SAFE = re.compile(r"[A-Za-z0-9_./$](?:[A-Za-z0-9_ ./$()'%+=~;-]*[A-Za-z0-9_./$()'%+=~;-])?")
_REFERENCE = re.compile(r"\$(?=[${])")


def render(value: Plain, quote: str = "") -> str:
    """`value` as flow YAML. A text gets `quote` if one is given, and those it needs in any case."""
    match value:
        case dict():
            return "{ " + ", ".join(f"{render(key)}: {render(each)}" for key, each in value.items()) + " }"
        case str():
            return _text(value, quote)
        case list():
            return "[" + ", ".join(map(render, value)) + "]"
        case bool():
            return "true" if value else "false"
    return "null" if value is None else repr(value)


def literally(value: Plain) -> Plain:
    """`value` as it must be written to mean itself: `${` and `$$` mean something else in a file."""
    if isinstance(value, str):
        return _REFERENCE.sub("$$", value) if "${" in value or "$$" in value else value
    if isinstance(value, dict):
        return {key: literally(each) for key, each in value.items()}
    return [literally(each) for each in value] if isinstance(value, list) else value


def _text(text: str, quote: str) -> str:
    is_safe = _SAFE.fullmatch(text) and resolve(text) == text and isinstance(resolve(text), str)
    if is_safe and not quote and "---" not in text and "..." not in text:
        return text
    if quote == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"
