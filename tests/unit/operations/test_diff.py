"""What has changed of the routes since a revision of git, or against another file."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from proxy.config.model import Stage
from proxy.control.override_store import OverrideStore
from proxy.operations.diff import diff
from proxy.operations.errors import Code, OperationError
from proxy.rollout.overrides import Override
from proxy.rollout.ports import Position
from tests.support.moving import FILE
from tests.support.routes_yaml import BASE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop" / "routes.yaml"
    path.parent.mkdir()
    path.write_text(FILE)
    return path


def against(file: Path, before: str) -> dict[str, Any]:
    other = file.with_name("before.yaml")
    other.write_text(before)
    return diff(str(file), str(other), {})


def routes(file: Path, before: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = against(file, before)["routes"]
    return found


def test_the_same_in_other_words_is_no_difference(file: Path) -> None:
    before = "# moved down\n\n" + FILE.replace("stage: legacy, group: shop", "group: shop")
    found = against(file, before)
    assert (found["routes"], found["legacy"], found["upstreams"], found["drift"]) == ([], None, [], [])


def test_a_route_that_moved_says_from_where_to_where_and_nothing_else(file: Path) -> None:
    for stage in ("legacy", "canary", "cutover"):
        (found,) = routes(file, FILE.replace("stage: shadow   #", f"stage: {stage}   #"))
        before = {"stage": stage} | ({"weight": "1%"} if stage == "canary" else {})
        assert found == {"route": "cart", "change": "changed", "from": before, "to": {"stage": "shadow"}}


def test_settings_of_a_route_are_shown_or_at_least_named(file: Path) -> None:
    (found,) = routes(file, FILE.replace("match: GET /stock,", "match: GET /stocks, owner: ann, canary: { hold: 1m },"))
    assert found["settings"] == {"owner": ["ann", None]}
    assert found["others"] == ["matches", "moving"]
    assert "from" not in found


def test_routes_that_came_and_went(file: Path) -> None:
    found = routes(file, FILE.replace("name: pages", "name: books"))
    assert [(each["route"], each["change"], each["stage"]) for each in found] == [
        ("pages", "added", "legacy"),
        ("books", "removed", "legacy"),
    ]


def test_upstreams_and_the_default_are_named(file: Path) -> None:
    file.write_text(BASE)
    found = against(file, BASE.replace("8101", "8102").replace("legacy: monolith", "legacy: orders"))
    assert (found["upstreams"], found["legacy"]) == (["orders"], ["orders", "monolith"])


def test_a_revision_of_git_is_asked_for(file: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=file.parent, check=True)

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    file.write_text(FILE.replace("stage: shadow   #", "stage: cutover   #"))
    (found,) = diff(str(file), "HEAD", {})["routes"]
    assert (found["from"], found["to"]) == ({"stage": "shadow"}, {"stage": "cutover"})
    for wrong in ("nowhere", "--output=x", "HEAD~9"):
        with pytest.raises(OperationError) as error:
            diff(str(file), wrong, {})
        assert error.value.code is Code.INVALID
    assert not (file.parent / "x").exists()


def test_what_was_no_valid_file_is_told_with_its_problems(file: Path) -> None:
    with pytest.raises(OperationError, match="what it was then is no valid file now") as error:
        against(file, BASE + "routez: []\n")
    assert "routez" in error.value.details[0]


def test_what_holds_beside_the_file_is_drift(file: Path) -> None:
    store = OverrideStore(str(file.parent / ".strangler"), None)
    override = Override("stock", Position(Stage.LEGACY), "", "2026-11-30T12:00:00.000Z", "ann", "slow")
    store.write([override])
    (found,) = against(file, FILE)["drift"]
    assert (found["route"], found["stage"], found["who"]) == ("stock", "legacy", "ann")
    (file.parent / ".strangler" / "overrides.json").write_text("{")
    assert against(file, FILE)["drift"] == []
    assert (file.parent / ".strangler" / "overrides.json").exists(), "who only looks moves nothing"
