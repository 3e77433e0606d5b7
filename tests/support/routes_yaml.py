"""A small routes.yaml for tests to vary, and its problems as text."""

from collections.abc import Mapping
from pathlib import Path

from proxy.config import ConfigError, Snapshot, load_text

BASE = """\
version: 1
upstreams:
  monolith: { url: "http://127.0.0.1:8000" }
  orders: { url: "http://127.0.0.1:8101" }
defaults: { legacy: monolith }
"""


def load(text: str, environ: Mapping[str, str] | None = None, base_dir: str | Path = "/nowhere") -> Snapshot:
    return load_text(text, "routes.yaml", environ or {}, base_dir)


def with_route(route: str, base: str = BASE) -> str:
    """BASE and one route; `route` holds its lines, not indented."""
    lines = route.strip("\n").splitlines()
    return base + "routes:\n  - " + "\n    ".join(lines) + "\n"


def problems(text: str | bytes, environ: Mapping[str, str] | None = None) -> list[str]:
    """Every problem as it is printed; none for a valid text."""
    try:
        load_text(text, "routes.yaml", environ or {}, "/nowhere")
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def problem_at_mark(text: str) -> str:
    """What is said of `text`, in which » stands before what is wrong; fails unless it is said of that place."""
    line = text[: text.index("»")].count("\n") + 1
    column = text.splitlines()[line - 1].index("»") + 1
    place, said = f"routes.yaml:{line}:{column}: ", one_problem(text.replace("»", ""))
    assert said.startswith(place), said
    return said.removeprefix(place)


def one_problem(text: str | bytes, environ: Mapping[str, str] | None = None) -> str:
    found = problems(text, environ)
    assert len(found) == 1, found
    return found[0]
