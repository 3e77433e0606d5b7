"""The commands that move routes, on a file that no server serves."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import main
from proxy.config import load_file
from tests.support.moving import FILE

ELSEWHERE = FILE.replace("defaults:", "listen: { console: 127.0.0.1:0 }\ndefaults:")
"""A console's port is chosen by the system, so that no server can be found by the file."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(ELSEWHERE)
    return path


def run(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "-c", str(file)], env={"STRANGLER_CONFIG": None})


def stages(file: Path) -> dict[str, str]:
    return {route.name: route.stage.value for route in load_file(file, {}).routes}


def test_a_move_prints_the_diff_and_says_what_to_do_next(file: Path) -> None:
    result = run(file, "promote", "cart", "--to", "cutover", "--because", "it is time")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "cart  shadow → cutover"
    assert "+    stage: cutover   # since spring" in result.stdout
    assert "note: no server answers: the file was edited" in result.stderr
    assert result.stderr.splitlines()[-1].endswith("; next: strangler status")
    assert stages(file)["cart"] == "cutover"


def test_each_verb_moves_where_it_says(file: Path) -> None:
    for arguments, stage in [
        (("promote", "pages"), "shadow"),
        (("promote", "pages", "--weight", "5%"), "canary"),
        (("pause", "pages"), "canary"),
        (("resume", "pages"), "canary"),
        (("promote", "pages", "--to", "cutover"), "cutover"),
        (("rollback", "pages", "--to", "canary"), "canary"),
        (("shadow", "pages"), "shadow"),
        (("rollback", "pages"), "legacy"),
        (("retire", "pages", "--see", "/books", "--sunset", "2027-01-31"), "retired"),
    ]:
        result = run(file, *arguments)
        assert result.exit_code == 0, result.output
        assert stages(file)["pages"] == stage
    assert "respond: { see: /books, sunset: 2027-01-31 }" in file.read_text()
    assert len(run(file, "history", "pages").stdout.splitlines()) == 9


def test_a_dry_run_changes_nothing(file: Path) -> None:
    result = run(file, "rollback", "--all", "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:2] == ["cart  shadow → legacy", "stock  cutover → legacy"]
    assert "nothing has changed; leave out --dry-run" in result.stderr
    assert file.read_text() == ELSEWHERE


def test_a_group_tells_who_stays(file: Path) -> None:
    result = run(file, "promote", "--group", "shop")
    assert result.stdout.splitlines()[0] == "pages  legacy → shadow"
    assert "stays: stock: stands at cutover" in result.stderr
    assert "next: strangler mismatches pages" in result.stderr


def test_for_programs_an_answer_and_a_refusal_are_json(file: Path) -> None:
    found = json.loads(run(file, "promote", "cart", "--json").stdout)
    assert found["moves"][0]["to"] == {"stage": "canary", "weight": "1%"}
    refused = run(file, "promote", "stock", "--json")
    assert refused.exit_code == 4
    assert json.loads(refused.stdout)["error"] == "refused"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("promote",), 2, "name one ROUTE, or a --group"),
        (("promote", "cart", "--group", "shop"), 2, "name one ROUTE"),
        (("rollback", "cart", "--all"), 2, "name one ROUTE"),
        (("promote", "card"), 2, 'did you mean "cart"?'),
        (("promote", "cart", "--weight", "5"), 2, 'weight: "5" is not a share'),
        (("promote", "cart", "--to", "retired"), 2, "'retired' is not one of"),
        (("promote", "cart", "--force"), 2, "--force needs --because TEXT"),
        (("promote", "stock"), 4, "nothing comes after cutover"),
        (("promote", "cart", "--console", "127.0.0.1:9"), 3, "no server answers at http://127.0.0.1:9"),
    ],
)
def test_what_cannot_be_done_has_its_exit_code_and_says_why(
    file: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    result = run(file, *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert file.read_text() == ELSEWHERE


def test_what_stands_there_already_is_no_failure(file: Path) -> None:
    result = run(file, "rollback", "pages")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "stays: pages: is at legacy already" in result.stderr


def test_a_file_with_errors_is_shown_them(file: Path) -> None:
    file.write_text("version: 1\nroutez: []\n")
    result = run(file, "rollback", "cart")
    assert result.exit_code == 2
    assert "routez" in result.stderr
    assert "no server answers, and the file has errors" in result.stderr
