"""What the documents promise: complete lists, links that lead somewhere, checks that exist."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import proxy
from proxy.cli.main import COMMANDS
from tests.architecture.tree import tracked
from tests.support.processes import ROOT

DOCUMENTS = [path for path in tracked() if path.suffix == ".md"]
DECISIONS = [path for path in DOCUMENTS if re.match(r"docs/adr/\d", str(path))]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def read(path: str | Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_every_decision_is_listed_in_order() -> None:
    listed = re.findall(r"^\| \[(\d+)\]\((\S+)\) \|", read("docs/adr/README.md"), re.MULTILINE)
    assert [name for _, name in listed] == [path.name for path in DECISIONS]
    assert [int(number) for number, _ in listed] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=str)
def test_a_decision_has_its_number_context_decision_and_consequences(path: Path) -> None:
    headings = _HEADING.findall(read(path))
    assert headings[0].startswith(f"{int(path.name[:4])}. ")
    assert headings[1:] == ["Context", "Decision", "Consequences"]


def links() -> Iterator[tuple[Path, str]]:
    for path in DOCUMENTS:
        without_code = re.sub(r"```.*?```", "", read(path), flags=re.DOTALL)
        yield from ((path, target) for target in _LINK.findall(without_code) if "://" not in target)


@pytest.mark.parametrize(("path", "target"), list(links()), ids=str)
def test_a_link_leads_somewhere(path: Path, target: str) -> None:
    file, _, anchor = target.partition("#")
    aim = (ROOT / path.parent / file) if file else ROOT / path
    assert aim.exists()
    if anchor:
        assert anchor in {_anchor(heading) for heading in _HEADING.findall(aim.read_text(encoding="utf-8"))}


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_package_is_in_the_architecture() -> None:
    packages = {path.parts[1] for path in tracked() if path.match("proxy/*/__init__.py")}
    described = set(re.findall(r"^\| `(\w+)` \|", read("docs/architecture.md"), re.MULTILINE))
    assert described == packages | {"clock"}


def test_what_the_architecture_says_is_checked_is_checked_by_something_that_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+)`", read("docs/architecture.md")))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert re.search(rf"^\| `strangler {name}\b", read("README.md"), re.MULTILINE)


def test_the_version_is_the_same_everywhere() -> None:
    assert tomllib.loads(read("pyproject.toml"))["project"]["version"] == proxy.__version__
    assert f"To become {proxy.__version__}." in read("CHANGELOG.md") or f"## [{proxy.__version__}]" in read(
        "CHANGELOG.md"
    )


def test_every_make_target_explains_itself() -> None:
    makefile = read("Makefile")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert set(phony.group(1).split()) == explained
