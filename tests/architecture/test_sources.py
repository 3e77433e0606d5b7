"""What import contracts cannot say of the sources: their size, that each is tested, and what must not stand in them."""

import re
from pathlib import Path

import pytest

from tests.architecture.tree import imported_by, modules, name_of, tracked
from tests.support.processes import ROOT

MAX_LINES = 400
PURE = ("proxy/routing", "proxy/wire", "proxy/config", "proxy/runtime")

# Types and constants without a decision of their own; they are tested where they are used.
ONLY_TYPES = {"proxy.config.model", "proxy.config.nodes", "proxy.config.written", "proxy.routing.head"}

TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".html", ".css", ".js", ".lua", ".cfg", ".ini", ""}
OF_A_MACHINE = {
    "a path of somebody's machine": re.compile(r"(?<![\w.])/(?:work|root|home|Users)/\w"),
    "an issue's number": re.compile(r"\bissues? #?\d|\(#\d+\)", re.IGNORECASE),
    "a package index": re.compile(r"--(?:extra-)?index-url|/simple/?\s|artifactory|nexus", re.IGNORECASE),
    "a work note": re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b"),
}


@pytest.mark.parametrize("path", modules("proxy", "legacy_monolith", "extracted_services"), ids=str)
def test_a_module_is_not_longer_than_one_can_hold_in_mind(path: Path) -> None:
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{lines} lines: split it by subject"


@pytest.mark.parametrize("path", [path for path in modules(*PURE) if path.name != "__init__.py"], ids=str)
def test_a_module_of_a_pure_package_is_tested_by_name(path: Path) -> None:
    """It has a test file of its own, or a test imports it."""
    own = Path("tests", "unit", *path.parts[1:-1], f"test_{path.name}")
    if own in tracked() or name_of(path) in ONLY_TYPES:
        return
    testing = [test for test in modules("tests/unit", "tests/properties") if name_of(path) in imported_by(test)]
    assert testing, f"no test imports {name_of(path)}, and there is no {own}"


def test_the_exceptions_exist() -> None:
    assert {name_of(path) for path in modules(*PURE)} >= ONLY_TYPES


@pytest.mark.parametrize("path", modules("proxy"), ids=str)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not text or text.startswith('"""'), "it has no docstring"


def test_nothing_of_the_machine_it_was_written_on_is_in_the_tree() -> None:
    found = []
    for path in tracked():
        if path.suffix not in TEXT or path == Path(__file__).relative_to(ROOT):
            continue
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
            found += [f"{path}:{number}: {what}" for what, pattern in OF_A_MACHINE.items() if pattern.search(line)]
    assert found == []
