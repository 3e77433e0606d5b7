"""The path a service is sent instead of the client's. The monolith is never sent a rewritten path.

A rewrite gets only paths that its own pattern matched, in normal form, and gives back a path in normal form.
"""

import re
from collections.abc import Callable

from proxy.config.model import PathKind, PathRewrite
from proxy.routing.pattern import Path

Rewrite = Callable[[str], str]

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def compile_rewrite(rewrite: PathRewrite | None, path: Path) -> Rewrite | None:
    """None when nothing is rewritten. Raises ValueError where the pattern cannot give what the rewrite asks for."""
    if rewrite is None:
        return None
    if rewrite.prefix is not None:
        return _replace_prefix(rewrite.prefix, path)
    return None if rewrite.path is None else _fill_template(rewrite.path, path)


def _replace_prefix(prefix: str, path: Path) -> Rewrite:
    if path.kind is not PathKind.PREFIX:
        raise ValueError(f"a prefix can be replaced only in a pattern that ends with /**, not in {path.text}")
    base, cut = prefix.rstrip("/"), len(path.segments) + 1

    def replace(sent: str) -> str:
        parts = sent.split("/", cut)
        return f"{base}/{parts[cut]}" if len(parts) > cut else base or "/"

    return replace


def _fill_template(template: str, path: Path) -> Rewrite:
    """`{name}` takes the segment that the pattern calls by that name."""
    positions = dict(path.names)
    # split() gives literal, name, literal, name, ..., literal
    pieces: list[str | int] = []
    for at, text in enumerate(_PLACEHOLDER.split(template)):
        if at % 2 and text not in positions:
            raise ValueError(f"the rewrite asks for {{{text}}}, which {path.text} does not have")
        pieces.append(positions[text] if at % 2 else text)

    def fill(sent: str) -> str:
        parts = sent.split("/", len(path.segments) + 1)
        return "".join(piece if isinstance(piece, str) else parts[piece] for piece in pieces)

    return fill
