"""`strangler diff`: a line for each route that has changed."""

import json
from pathlib import Path

from tests.unit.cli.test_moving import ELSEWHERE, run


def test_what_has_changed_is_a_line_a_route_and_exit_1(tmp_path: Path) -> None:
    file, before = tmp_path / "routes.yaml", tmp_path / "before.yaml"
    before.write_text(ELSEWHERE)
    file.write_text(
        ELSEWHERE.replace("stage: shadow   #", "owner: ann\n    stage: canary   #")
        .replace("GET /stock", "GET /store")
        .replace("name: pages", "name: books")
        .replace("8101", "8102")
    )
    result = run(file, "diff", str(before))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "cart  shadow → canary 1%; owner: None → ann",
        "stock  matches changed",
        "books  added, at legacy",
        "pages  removed, at legacy",
        "upstreams.orders  changed",
    ]
    assert json.loads(run(file, "diff", str(before), "--json").stdout)["routes"][0]["route"] == "cart"


def test_no_difference_is_exit_0_and_no_such_revision_exit_2(tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(ELSEWHERE)
    assert run(file, "diff", str(file)).output == ""
    assert run(file, "diff", str(file)).exit_code == 0
    assert run(file, "diff").exit_code == 2
