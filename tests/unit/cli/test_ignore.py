"""`strangler ignore`: what it shows, what it writes, and what it refuses."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import main
from proxy.config import load_file
from tests.support.routes_yaml import BASE

FILE = (
    BASE
    + """\
routes:
  # who reads this?
  - name: pages
    match: GET /pages/**
    to: orders        # soon
    compare:
      ignore:
        - { header: Date }   # a clock
  - { name: stock, match: GET /stock, to: orders }
"""
)
LINE = '        - { path: "$.items[*].at", because: each has its own clock, until: 2099-03-01 }'
RULE = ("$.items[*].at", "--because", "each has its own clock", "--until", "2099-03-01")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(FILE)
    return path


def ignore(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["ignore", "-c", str(file), *arguments], env={"STRANGLER_CONFIG": None})


def test_without_write_the_line_is_shown_and_nothing_is_written(file: Path) -> None:
    result = ignore(file, "pages", *RULE)
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if line[0] in "+-"] == [
        f"--- {file}", f"+++ {file}", f"+{LINE}"
    ]  # fmt: skip
    assert "nothing is written; add --write" in result.stderr
    assert file.read_text() == FILE


def test_with_write_one_line_is_added_and_the_rule_holds(file: Path) -> None:
    result = ignore(file, "pages", *RULE, "--write")
    assert result.exit_code == 0
    assert file.read_text() == FILE.replace("# a clock\n", f"# a clock\n{LINE}\n")
    snapshot = load_file(file, {})
    assert f"written; revision {snapshot.revision}" in result.stderr
    (pages,) = (route for route in snapshot.routes if route.name == "pages")
    assert [rule.subject for rule in pages.compare.ignore] == ["header:Date", "$.items[*].at"]


@pytest.mark.parametrize(
    "subject", ["$..at", "header:X-Served-By", "css:input[name=csrfmiddlewaretoken]", "$['a b'][0]"]
)
def test_every_kind_of_subject_is_written_so_that_it_is_read_again(file: Path, subject: str) -> None:
    for route in ("pages", "stock"):
        assert ignore(file, route, subject, "--because", "it's: ${HOME} #1", "--write").exit_code == 0
    for route in load_file(file, {}).routes:
        assert route.compare.ignore[-1].subject == subject
        assert route.compare.ignore[-1].because == "it's: ${HOME} #1"


def test_a_rule_that_holds_already_changes_nothing(file: Path) -> None:
    result = ignore(file, "pages", "header:Date", "--because", "again", "--write")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "header:Date is ignored already" in result.stderr
    assert file.read_text() == FILE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("page", *RULE), 'no route is named "page" (hint: did you mean "pages"?)'),
        (("pages", "items.at", "--because", "x"), '"items.at" says not what is to be ignored'),
        (("pages", "header:", "--because", "x"), '"header:" says not what is to be ignored'),
        (("pages", "$.items[?@.a]", "--because", "x"), "with this rule the file would have errors"),
        (("pages", "$.a"), "Missing option '--because'"),
        (("pages", "$.a", "--because", "x", "--until", "2020-01-01"), "2020-01-01 is past"),
        (("pages", "$.a", "--because", "x", "--until", "soon"), "'soon' does not match the format"),
    ],
)
def test_what_cannot_be_ignored_exits_2_and_changes_nothing(file: Path, arguments: tuple[str, ...], said: str) -> None:
    result = ignore(file, *arguments, "--write")
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert file.read_text() == FILE


def test_a_file_with_errors_is_not_edited(file: Path) -> None:
    file.write_text(FILE + "lisen: {}\n")
    result = ignore(file, "pages", *RULE, "--write")
    assert result.exit_code == 2
    assert 'unknown key "lisen"' in result.stderr
    assert "the file has errors; mend them first" in result.stderr


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = ignore(tmp_path / "none.yaml", "pages", *RULE)
    assert result.exit_code == 2
    assert "no such file" in result.stderr
