"""Paths and regular expressions of a match, and what a rewrite may say.

A pattern is held to the normal form in which requests are matched (RFC 3986 §6.2.2): escapes of unreserved characters
decoded, all others in capitals. One that is not could never match, so it is refused, with the form that would.
"""

import re
from urllib.parse import quote, unquote_to_bytes

import re2

from proxy.config.model import PathKind, PathPattern, PathRewrite
from proxy.config.refused import Refused
from proxy.config.values import text

MAX_PATH = 1024  # characters
MAX_REGEX = 1000  # characters; RE2 itself limits what they compile to

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})\}")
_UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]")
_LOOKAROUND = re.compile(r"\(\?<?[=!]")
_BACK_REFERENCE = re.compile(r"\\[1-9]|\(\?P=")


def placeholders(pattern: str) -> tuple[str, ...]:
    """The names in braces, from left to right."""
    return tuple(_PLACEHOLDER.findall(pattern))


def path_pattern(value: object) -> PathPattern:
    """/a/b, /a/{id}, /a/**, or {regex: …}."""
    if isinstance(value, dict):
        if set(value) != {"regex"}:
            raise Refused(None, "a path is text, or {regex: …} and nothing else")
        return PathPattern(PathKind.REGEX, regex(value["regex"]))
    given = text(value)
    if given.startswith(("regex:", "~", "^")):
        raise Refused(value, "is not a path", 'a regular expression is written path: { regex: "…" }')
    check_path(given.removesuffix("/**") or "/", patterns=True)
    if given.endswith("/**"):
        return PathPattern(PathKind.PREFIX, given)
    return PathPattern(PathKind.TEMPLATE if placeholders(given) else PathKind.EXACT, given)


def check_path(path: str, *, patterns: bool = False) -> None:
    """Raises Refused unless `path` is in normal form; with `patterns`, whole segments may be {name}."""
    if not path.startswith("/"):
        raise Refused(path, "does not begin with /", _meant(path))
    if len(path) > MAX_PATH:
        raise Refused(None, f"a path of {len(path)} characters; at most {MAX_PATH} are taken")
    if "//" in path:
        raise Refused(path, "has an empty segment (//)")
    names = placeholders(path) if patterns else ()
    for segment in path[1:].split("/"):
        if not (patterns and _PLACEHOLDER.fullmatch(segment)):
            _check_segment(segment)
    if len(set(names)) < len(names):
        raise Refused(path, "uses one name twice")


def _meant(path: str) -> str | None:
    """The hint for a path without its first slash: what else was written there, or the path with it."""
    if "://" in path:
        return "a path alone stands here; the host has a key of its own, host:"
    if path.isalpha() and path.isupper():
        return f"a path follows the method: {path} /**"
    return f"did you mean /{path}?" if path.isascii() else None


def _check_segment(segment: str) -> None:
    if segment.partition(";")[0] in (".", ".."):  # servers that cut ;parameters off see a dot segment there too
        raise Refused(segment, "as a segment never reaches a match: such requests are refused")
    if "*" in segment:
        raise Refused(segment, "has a * in it", "/** at the end takes the rest of a path; {name} takes one segment")
    if "{" in segment or "}" in segment:
        raise Refused(segment, "mixes text and braces", "{name} takes a whole segment; a name is letters, digits, _")
    if "?" in segment:
        raise Refused(segment, "has a ? in it: a path ends before the query", "conditions on the query go under query:")
    if found := re.search(r"[#\\\x00-\x1f\x7f]", segment):
        raise Refused(found[0], "never reaches a match: such requests are refused")
    if found := re.search(r"%(2[fF]|5[cC]|00)", segment):
        raise Refused(found[0], "never reaches a match: such requests are refused")
    if re.search(r"%(?![0-9A-Fa-f]{2})", segment):
        raise Refused(segment, "has a % that two hexadecimal digits do not follow", "a plain % is written %25")
    normal = normal_segment(segment)
    if normal != segment:
        raise Refused(segment, "is not in normal form, and would never match", f"write {normal}")


def normal_segment(segment: str) -> str:
    """`segment` as requests are matched: needless escapes decoded, the others in capitals, the rest escaped."""

    def escape(match: re.Match[str]) -> str:
        byte = unquote_to_bytes(match[0])
        return byte.decode() if _UNRESERVED.fullmatch(byte) else match[0].upper()

    escaped = re.sub(r"[^\x21-\x7e]", lambda match: quote(match[0]), segment)
    return re.sub(r"%[0-9A-Fa-f]{2}", escape, escaped)


def regex(value: object) -> str:
    """A regular expression in RE2's syntax, which runs in linear time whatever a client sends."""
    given = text(value)
    if len(given) > MAX_REGEX:
        raise Refused(None, f"a regular expression of {len(given)} characters; at most {MAX_REGEX} are taken")
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(given, options)
    except re2.error as error:
        if _LOOKAROUND.search(given) or _BACK_REFERENCE.search(given):
            reason = "uses look-around or a back-reference, which cannot run in linear time"
            raise Refused(value, reason, "RE2 syntax: write it without, or use two matches") from None
        detail = error.args[0].decode(errors="replace").partition(":")[0]  # behind the colon is a piece of the value
        raise Refused(value, f"is not a regular expression of RE2: {detail}") from None
    return given


def probe_path(value: object) -> str:
    """The path that an endpoint is asked for its health."""
    given = text(value)
    if "?" in given:
        raise Refused(value, "has a ? in it: an endpoint is asked for a path alone")
    check_path(given)
    return given


def rewrite_path(value: object) -> str:
    """A new path for the service; {name} takes what the pattern's {name} took."""
    given = text(value)
    if "**" in given:
        raise Refused(value, "cannot carry a rest", "to replace the part before /**, write rewrite: { prefix: /new }")
    check_path(given, patterns=True)
    return given


def rewrite_prefix(value: object) -> str:
    """What replaces the part of the path before /**; / removes it."""
    given = text(value)
    check_path(given)
    if given != "/" and given.endswith("/"):
        raise Refused(value, "ends with /", f"did you mean {given.rstrip('/')}?")
    return given


def rewrite_problem(rewrite: PathRewrite, pattern: PathPattern | None) -> str | None:
    """Why `rewrite` cannot be applied to what `pattern` takes; None if it can."""
    if rewrite.prefix is not None:
        if pattern is None or pattern.kind is not PathKind.PREFIX:
            return "rewrite.prefix needs a path ending in /** in every match"
        if placeholders(pattern.text):
            return f"rewrite.prefix needs literal text before /**, and {pattern.text} has {{…}} in it"
        return None
    known = placeholders(pattern.text) if pattern and pattern.kind is not PathKind.REGEX else ()
    missing = [name for name in placeholders(rewrite.path or "") if name not in known]
    return f"rewrite.path uses {{{missing[0]}}}, which not every match of this route has" if missing else None
