"""Writes docs/conformance.md from the cases themselves: `python -m tests.conformance.document`.

The page is never edited by hand; a test holds it to the cases.
"""

import importlib
import inspect
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import ROOT

PAGE = ROOT / "docs" / "conformance.md"

INTRODUCTION = """\
# Conformance

What RFC 9110 (HTTP semantics), RFC 9112 (HTTP/1.1), RFC 6455 (WebSocket) and their neighbours ask of an intermediary,
and what we promise beyond them. Each case sends bytes to a running proxy, lets a scripted upstream answer with bytes,
and reads what either side received, strictly: whatever the proxy sends must itself be well formed, in every case.

    pytest tests/conformance                                                 # both engines
    pytest tests/conformance --engine protocol                               # the one behind `strangler serve`
    pytest tests/conformance --peer nginx --peer haproxy                     # other products
    pytest tests/conformance --gateway 127.0.0.1:8080 --upstream-port 9900   # anything that forwards /up/ to that port

- **protocol** is the engine of `strangler serve`: every case runs on it.
- **asgi** is `proxy.create_app(...)` under plain uvicorn. There the server in front of the application parses requests
  and frames answers, so the cases marked *wire* are not run: refused framing, interim answers, HTTP/1.0, absolute
  targets, tunnels, drain. Use it for tests and embedding, and `strangler serve` where strangers can reach it.
- Cases marked *ours* state a promise of this product, or a choice among those that an RFC leaves. Other products are
  held to the rest.

HTTP/2 is not served by the embedded engine.

## What other products do

Seen with nginx 1.22 and HAProxy 2.6 in their ordinary configuration, where it taught us something:

| Subject | nginx | HAProxy | this proxy |
|---|---|---|---|
| Control bytes in a field value | forwarded | forwarded | 400 |
| Bare LF for a line end | accepted | accepted | 400 |
| `Content-Length: 3` twice as `3` and `03` | 400 | the first is taken | 400 |
| Length and chunked together | 400 | length dropped, forwarded | 400, closed |
| Fields that `Connection` names | forwarded | forwarded | removed, then our own are set |
| `HTTP/9.9` | 505 | forwarded | 400 or 505 |
| No Host in HTTP/1.1 | 400 | forwarded | 400 |
| CONNECT | refused | forwarded | 501 |
| Interim answers (103) | the connection fails | forwarded, to HTTP/1.0 clients too | forwarded, never to HTTP/1.0 |
| Upstream that speaks no HTTP | passed on as HTTP/0.9 | 502 | 502 |
| Unknown transfer coding in an answer | passed on, re-framed | 502 | 502 |
| Chunked answer for an HTTP/1.0 client | chunks removed | chunks sent | chunks removed |
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One case as the page shows it; `variants` is how many inputs it runs with."""

    module: str
    name: str
    sources: tuple[str, ...]
    variants: int
    marks: frozenset[str]

    @property
    def sentence(self) -> str:
        words = re.sub(r"\b(\d) (\d)\b", r"\1.\2", self.name.removeprefix("test_").replace("_", " "))
        return words[0].upper() + words[1:]


def entries() -> list[Entry]:
    """Every case of the suite, in the order of its files."""
    found: list[Entry] = []
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"{__package__}.{path.stem}")
        found += _entries_of(module.__name__, module)
    return found


def _entries_of(name: str, module: object) -> Iterator[Entry]:
    shared = getattr(module, "pytestmark", [])
    shared = shared if isinstance(shared, list) else [shared]
    for test, case in inspect.getmembers(module, inspect.iscoroutinefunction):
        marks = [*shared, *getattr(case, "pytestmark", [])]
        sources = [source for mark in marks if mark.name == "source" for source in mark.args]
        if not test.startswith("test_") or not sources:
            continue
        variants = math.prod(len(list(mark.args[1])) for mark in marks if mark.name == "parametrize")
        names = frozenset(mark.name for mark in marks)
        yield Entry(name.rpartition(".")[2], test, tuple(sources), variants, names & {"wire", "ours"})


def page() -> str:
    """The whole page."""
    cases = entries()
    by_module: dict[str, list[Entry]] = defaultdict(list)
    for entry in cases:
        by_module[entry.module].append(entry)
    total = sum(entry.variants for entry in cases)
    wire = sum(entry.variants for entry in cases if "wire" in entry.marks)
    parts = [INTRODUCTION, f"## Cases\n\n{len(cases)} cases, {total} with all their inputs, {wire} of these *wire*.\n"]
    for module, group in by_module.items():
        title = module.removeprefix("test_").replace("_", " ").capitalize()
        rows = [
            f"| {entry.sentence} | {'; '.join(entry.sources)} | {entry.variants} | {', '.join(sorted(entry.marks))} |"
            for entry in group
        ]
        summary = str(importlib.import_module(f"{__package__}.{module}").__doc__).split("\n\n")[0].strip()
        parts.append(
            f"### {title}\n\n{summary}\n\n| Case | Source | Inputs | |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
        )
    parts.append("## By section\n\n" + "\n".join(_by_section(cases)) + "\n")
    return "\n".join(parts)


def _by_section(cases: list[Entry]) -> Iterator[str]:
    counts: dict[str, int] = defaultdict(int)
    for entry in cases:
        for source in entry.sources:
            counts[source] += entry.variants
    yield "| Source | Inputs |\n|---|---|"
    for source in sorted(counts, key=_natural):
        yield f"| {source} | {counts[source]} |"


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
