"""The tracked files, as the architecture's tests see them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.processes import ROOT


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git knows and that is there, relative to the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file())


def modules(*packages: str) -> list[Path]:
    """The tracked Python modules below these folders."""
    return [path for path in tracked() if path.suffix == ".py" and any(map(path.is_relative_to, packages))]


@cache
def imported_by(path: Path) -> frozenset[str]:
    """Every module that a file may mean by its imports: `from a.b import c` names a.b and a.b.c."""
    return frozenset(_imported(ast.parse((ROOT / path).read_text(encoding="utf-8"))))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(path: Path) -> str:
    """proxy/routing/table.py → proxy.routing.table"""
    return ".".join(path.with_suffix("").parts)
