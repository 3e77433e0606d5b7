"""The paths that a monolith offers, as its URLconf says, in Django's own order: read from what `read_urlconf` prints.

Nothing here imports a project; a template that no request can have is set aside, never repaired.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from proxy.config.model import PathKind, PathPattern
from proxy.config.patterns import check_path, normal_segment, placeholders
from proxy.config.refused import Refused
from proxy.routing.pattern import Path, parse_path
from proxy.wire.head import SAFE

MAX_PATTERNS: Final = 20_000
REST: Final = "/**"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One path. `methods` is None where only a call would tell; HEAD is not named beside GET."""

    template: str
    methods: tuple[str, ...] | None = None
    app: str = ""
    name: str | None = None
    view: str = ""
    admin: bool = False

    @property
    def reads(self) -> bool:
        return self.methods is None or not SAFE.isdisjoint(self.methods)

    @property
    def writes(self) -> bool:
        return self.methods is None or not SAFE.issuperset(self.methods)

    @property
    def example(self) -> str:
        """A path of it."""
        return example_of(self.template)

    def compiled(self) -> Path:
        return parse_path(as_path_pattern(self.template))


@dataclass(frozen=True, slots=True)
class Urlconf:
    """`unsayable` are templates that routes.yaml could not say: no request that is let through has such a path."""

    patterns: tuple[Pattern, ...]
    settings: str = ""
    unsayable: tuple[str, ...] = ()


def as_path_pattern(template: str) -> PathPattern:
    """A template as routes.yaml reads it."""
    if template.endswith(REST):
        return PathPattern(PathKind.PREFIX, template)
    return PathPattern(PathKind.TEMPLATE if placeholders(template) else PathKind.EXACT, template)


def example_of(template: str) -> str:
    """A path that has this template."""
    return re.sub(r"\{[^{}/]*\}", "1", template.removesuffix("**") + ("x" if template.endswith(REST) else ""))


def read_urlconf(document: Any) -> Urlconf:
    """From the JSON that the script prints. Raises ValueError for anything else."""
    if not isinstance(document, Mapping) or not isinstance(document.get("patterns"), list):
        raise ValueError('it is not a URLconf: an object with "patterns"')  # noqa: TRY004 - the text is at fault
    if len(document["patterns"]) > MAX_PATTERNS:
        raise ValueError(f"it has more than {MAX_PATTERNS:,} patterns")
    read = [_pattern(written) for written in document["patterns"]]
    sayable = {pattern.template: _is_sayable(pattern.template) for pattern in read}
    return Urlconf(
        tuple(pattern for pattern in read if sayable[pattern.template]),
        str(document.get("settings", "")),
        tuple(template for template, said in sayable.items() if not said),
    )


def _pattern(written: Any) -> Pattern:
    if not isinstance(written, Mapping) or not isinstance(written.get("template"), str):
        raise ValueError('a pattern is an object with a "template"')  # noqa: TRY004 - likewise
    methods = written.get("methods")
    if methods is not None and not (isinstance(methods, list) and all(isinstance(each, str) for each in methods)):
        raise ValueError(f"the methods of {written['template']} are neither a list nor null")
    if methods is not None:
        methods = tuple(sorted(set(methods) - ({"HEAD"} if "GET" in methods else set())))
    return Pattern(
        _in_normal_form(written["template"]),
        methods,
        str(written.get("app") or ""),
        None if written.get("name") is None else str(written["name"]),
        str(written.get("view") or ""),
        written.get("admin") is True,
    )


def _in_normal_form(template: str) -> str:
    """Escaped as requests are matched, and no name used twice."""
    seen: Counter[str] = Counter()
    segments = []
    for segment in template.split("/"):
        names = placeholders(segment)
        if names and segment == f"{{{names[0]}}}":
            seen[names[0]] += 1
            segments.append(segment if seen[names[0]] == 1 else f"{{{names[0]}_{seen[names[0]]}}}")
        else:
            segments.append(normal_segment(segment))
    return "/".join(segments)


def _is_sayable(template: str) -> bool:
    try:
        check_path(template.removesuffix(REST) or "/", patterns=True)
    except Refused:
        return False
    return True
