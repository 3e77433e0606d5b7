"""`strangler check`: exit codes, what goes where, and that every example of the documentation is valid."""

import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import main
from tests.support.routes_yaml import BASE, with_route

ROOT = Path(__file__).parents[3]
VALID = with_route("name: r\nmatch: /a\nto: orders\nstage: cutover")
WITH_WARNING = VALID + "  - { name: again, match: /a, to: orders, stage: cutover }\n"
WITH_ERRORS = BASE + "lisen: {}\nroutes:\n  - { name: r, match: /a, to: order }\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "routes.yaml"


def check(*arguments: str | Path, **environ: str) -> Result:
    clean = dict.fromkeys(("STRANGLER_CONFIG", *(name for name in os.environ if name.endswith("_URL"))))
    return CliRunner().invoke(main, ["check", *map(str, arguments)], env={**clean, **environ})


def test_a_valid_file_exits_0_and_says_so_on_stdout(file: Path) -> None:
    file.write_text(VALID)
    result = check(file)
    assert result.exit_code == 0
    assert re.fullmatch(rf"{file}: valid; 1 route \(1 cutover\); revision [0-9a-f]{{12}}\n", result.stdout)
    assert result.stderr == ""


def test_errors_exit_2_with_one_line_each_and_a_count_on_stderr(file: Path) -> None:
    file.write_text(WITH_ERRORS)
    result = check(file)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f'{file}:6:1: unknown key "lisen" (hint: did you mean "listen"?)',
        f'{file}:8:31: no upstream is named "order" (hint: did you mean "orders"?)',
        f"{file}: 2 errors",
    ]


def test_warnings_exit_0_and_1_when_strict(file: Path) -> None:
    file.write_text(WITH_WARNING)
    assert check(file).exit_code == 0
    result = check("--strict", file)
    assert result.exit_code == 1
    assert f"{file}:11:" in result.stderr
    assert ": warning: " in result.stderr
    assert "; 1 warning\n" in result.stdout


def test_strict_changes_nothing_for_a_file_without_warnings(file: Path) -> None:
    file.write_text(VALID)
    assert check("--strict", file).exit_code == 0


def test_json_has_the_problems_as_data_on_stdout(file: Path) -> None:
    file.write_text(WITH_ERRORS)
    result = check("--json", file)
    assert result.exit_code == 2
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert (found["file"], found["valid"], found["revision"], len(found["problems"])) == (str(file), False, None, 2)
    assert found["problems"][0] == {
        "file": str(file),
        "line": 6,
        "column": 1,
        "message": 'unknown key "lisen"',
        "hint": 'did you mean "listen"?',
        "severity": "error",
    }


def test_json_of_a_valid_file_has_its_revision_and_warnings(file: Path) -> None:
    file.write_text(WITH_WARNING)
    found = json.loads(check("--json", file).stdout)
    assert found["valid"] is True
    assert re.fullmatch("[0-9a-f]{12}", found["revision"])
    assert [problem["severity"] for problem in found["problems"]] == ["warning"]


def test_the_file_is_an_argument_or_an_option_or_named_by_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(VALID)
    monkeypatch.chdir(file.parent)
    others = [check("-c", file), check("--config", file), check(STRANGLER_CONFIG=str(file)), check()]
    assert [result.exit_code for result in (check(file), *others)] == [0] * 5


def test_a_missing_file_is_one_line(file: Path) -> None:
    result = check(file)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0].startswith(f"{file}: no such file or directory")


def test_values_of_the_environment_are_filled_in(file: Path) -> None:
    file.write_text(BASE.replace("http://127.0.0.1:8000", "${WHERE}"))
    assert check(file, WHERE="http://h").exit_code == 0
    assert "WHERE is not set" in check(file).stderr


def test_the_shops_own_file_is_valid_without_a_warning() -> None:
    result = check("--strict", ROOT / "routes.yaml")
    assert (result.exit_code, result.stderr) == (0, "")


def yaml_blocks() -> list[tuple[str, str]]:
    """Every ```yaml block of the documentation that is a routes.yaml, or a part of one, with where it stands."""
    found = []
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = path.read_text(encoding="utf-8")
        for block in re.finditer(r"^```ya?ml\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            if re.search(r"^(version: 1|listen:|upstreams:|defaults:|routes:)", block[1], re.MULTILINE):
                line = text.count("\n", 0, block.start()) + 1
                found.append((f"{path.relative_to(ROOT)}:{line}", block[1]))
    return found


REST = {
    "version:": "version: 1\n",
    "upstreams:": 'upstreams: { monolith: { url: "http://h" }, inventory: { url: "http://i" },'
    ' orders: { url: "http://o" }, payments: { url: "http://p" }, search: { url: "http://s" } }\n',
    "defaults:": "defaults: { legacy: monolith }\n",
}
"""What a part of a file leaves out."""


@pytest.mark.parametrize(("place", "block"), yaml_blocks(), ids=[place for place, _ in yaml_blocks()])
def test_every_example_of_the_documentation_is_valid(place: str, block: str, file: Path) -> None:
    for name in re.findall(r"[\w/.-]+\.(?:pem|key)\b", block):
        certificate = file.parent / name.lstrip("/")
        certificate.parent.mkdir(parents=True, exist_ok=True)
        certificate.touch()
    rest = "".join(lines for key, lines in REST.items() if not re.search(f"^{key}", block, re.MULTILINE))
    file.write_text(block + ("" if "version: 1" in block else rest))
    result = check(file)
    assert result.exit_code == 0, f"{place}\n{result.stderr}"


def test_the_documentation_has_examples_to_check() -> None:
    assert len(yaml_blocks()) >= 8


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file or directory"),
        ("- http://10.0.0.7:8103\n- nonsense\n", "endpoints.yaml:2:3: "),
        ("- http://10.0.0.7:8103\n", None),
    ],
)
def test_a_file_of_endpoints_is_looked_into(file: Path, tmp_path: Path, content: str | None, said: str | None) -> None:
    endpoints = tmp_path / "endpoints.yaml"
    if content is not None:
        endpoints.write_text(content)
    file.write_text(
        VALID.replace('orders: { url: "http://127.0.0.1:8101" }', f"orders: {{ discover: 'file://{endpoints}' }}")
    )
    result = check(file)
    assert result.exit_code == 0
    if said is None:
        assert result.stderr == ""
    else:
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"warning: upstream orders: file://{endpoints}: {said}")
