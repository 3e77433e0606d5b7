"""Path and host patterns: what they match, how they rank, and which of them covers which.

These are the plain definitions. The index must agree with them and never defines anything of its own.
Paths are compared segment by segment as sent: an empty segment and a trailing slash count.
"""

from dataclasses import dataclass

from proxy.config.model import PathKind, PathPattern
from proxy.routing.expression import Expressions

_KIND_RANK = {PathKind.EXACT: 0, PathKind.TEMPLATE: 1, PathKind.PREFIX: 2, PathKind.REGEX: 3}


@dataclass(frozen=True, slots=True)
class Path:
    """A path condition taken apart.

    `segments` are what stands between slashes, None for a `{name}`; those of a prefix leave `/**` out. A regex has
    none. `names` maps a template's names to the position of their segment, counted from 1.
    """

    kind: PathKind
    text: str
    segments: tuple[str | None, ...]
    names: tuple[tuple[str, int], ...]
    expression: Expressions | None

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for patterns that match the same paths, whatever they call their segments."""
        return (self.kind, self.text) if self.kind is PathKind.REGEX else (self.kind, self.segments)

    @property
    def rank(self) -> tuple[int, ...]:
        """Smaller comes first: by kind, a longer prefix first, then the leftmost literal."""
        wild = tuple(int(segment is None) for segment in self.segments)
        match self.kind:
            case PathKind.TEMPLATE:
                return (_KIND_RANK[self.kind], *wild)
            case PathKind.PREFIX:
                return (_KIND_RANK[self.kind], -len(wild), *wild)
            case _:
                return (_KIND_RANK[self.kind],)

    def matches(self, path: str) -> bool:
        if not path.startswith("/"):
            return False  # `OPTIONS *` speaks of the server, not of a resource
        if self.expression is not None:
            return bool(self.expression.match(path))
        if self.kind is PathKind.EXACT:
            return path == self.text
        sent = path.split("/")[1:]
        if self.kind is PathKind.TEMPLATE and len(sent) != len(self.segments):
            return False
        return len(sent) >= len(self.segments) and all(map(_fits, self.segments, sent))

    def covers(self, other: "Path") -> bool:
        """Whether this certainly matches every path that `other` matches. False where it is not known."""
        if self.shape == other.shape or self.matches_everything:
            return True
        if other.kind is PathKind.REGEX or self.kind is PathKind.EXACT:
            return False
        if other.kind is PathKind.EXACT:
            return self.matches(other.text)
        if self.kind is PathKind.REGEX or (self.kind, other.kind) == (PathKind.TEMPLATE, PathKind.PREFIX):
            return False
        if self.kind is PathKind.TEMPLATE and len(self.segments) != len(other.segments):
            return False
        return len(self.segments) <= len(other.segments) and all(map(_includes, self.segments, other.segments))

    @property
    def matches_everything(self) -> bool:
        return self.kind is PathKind.PREFIX and not self.segments


def parse_path(pattern: PathPattern | None) -> Path:
    """No path condition is the prefix `/**` (as in the Kubernetes Gateway API). Raises ValueError for a bad regex."""
    if pattern is None:
        pattern = PathPattern(PathKind.PREFIX, "/**")
    text = pattern.text
    if pattern.kind is PathKind.REGEX:
        return Path(PathKind.REGEX, text, (), (), Expressions([text]))
    if pattern.kind is PathKind.EXACT:
        return Path(PathKind.EXACT, text, tuple(text.split("/")[1:]), (), None)
    kind = PathKind.PREFIX if text.endswith("/**") else PathKind.TEMPLATE
    written = text.removesuffix("/**").split("/")[1:]
    names = tuple((part[1:-1], position) for position, part in enumerate(written, 1) if _is_name(part))
    return Path(kind, text, tuple(None if _is_name(part) else part for part in written), names, None)


@dataclass(frozen=True, slots=True)
class Host:
    """A host condition: an exact name, `*.` and a suffix (any depth below it, not the suffix itself), or any (None)."""

    text: str | None

    @property
    def suffix(self) -> str | None:
        """The suffix with its dot (`.example.com`), for a wildcard."""
        return self.text[1:] if self.text is not None and self.text.startswith("*.") else None

    @property
    def rank(self) -> tuple[int, ...]:
        """Smaller comes first: exact, then the longest suffix, then any."""
        if self.text is None:
            return (2,)
        return (1, -len(self.text)) if self.suffix else (0,)

    def matches(self, host: str) -> bool:
        if self.text is None:
            return True
        suffix = self.suffix
        return host == self.text if suffix is None else host.endswith(suffix) and len(host) > len(suffix)

    def covers(self, other: "Host") -> bool:
        if self.text is None or self.text == other.text:
            return True
        return self.suffix is not None and other.text is not None and self.matches(other.text.removeprefix("*"))


def _is_name(segment: str) -> bool:
    return segment.startswith("{") and segment.endswith("}")


def _fits(wanted: str | None, sent: str) -> bool:
    return sent == wanted if wanted is not None else sent != ""


def _includes(mine: str | None, theirs: str | None) -> bool:
    return mine == theirs or (mine is None and theirs != "")
