"""`strangler init`, on the bundled monolith and on nothing."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import main
from proxy.config import load_file
from proxy.inventory.draft import resources
from proxy.inventory.patterns import read_urlconf
from proxy.routing.reserved import is_internal
from proxy.routing.table import compile_table
from tests.support.routing import head

SHOP = "legacy_monolith.config.settings"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", *arguments])


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("draft") / "routes.yaml"
    done = run("--django", SHOP, "--output", str(file))
    assert done.exit_code == 0, done.output
    return file


def test_the_draft_of_the_bundled_monolith_is_checked_without_a_warning(shop):
    checked = CliRunner().invoke(main, ["check", "--strict", str(shop)])
    assert checked.exit_code == 0, checked.output


def test_every_path_of_the_bundled_monolith_is_claimed_by_one_drafted_route(shop):
    urlconf = read_urlconf(json.loads(run("--django", SHOP, "--json").stdout))
    patterns = [pattern for pattern in urlconf.patterns if not is_internal(pattern.template)]
    assert len(patterns) > 35
    table = compile_table(load_file(shop, {}))
    claimed = set()
    for resource in resources(patterns):
        for pattern in resource.patterns:
            for method in pattern.methods or ("GET", "POST"):
                claim = table.match(head(f"{method} {pattern.example}"))
                assert claim is not None, pattern
                reads = claim.route.name == resource.name
                assert reads or claim.route.name == f"{resource.name}-write", pattern
                assert claim.decisions.normal.upstream == "monolith"
                claimed.add(claim.route.name)
    assert claimed == {route.name for route in load_file(shop, {}).routes}, "and no route is drafted for nothing"


def test_the_same_monolith_gives_the_same_draft(shop):
    assert run("--django", SHOP, "--output", "-").stdout == shop.read_text()


def test_a_file_is_never_replaced_without_being_asked_to(shop):
    before = shop.read_text()
    done = run("--django", SHOP, "--output", str(shop))
    assert done.exit_code == 2
    assert "is there already" in done.stderr
    assert shop.read_text() == before
    assert run("--legacy", "http://127.0.0.1:9", "--output", str(shop.with_name("b.yaml")), "--force").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a Django project with --django MODULE"),
        (("--json", "--legacy", "http://a"), "name a Django project with --django MODULE"),
        (("--django", "nosuch.settings"), "settings nosuch.settings cannot be used: ModuleNotFoundError"),
        (("--django", "proxy.clock"), "settings proxy.clock name no ROOT_URLCONF"),
        (("--django", SHOP, "--python", "/no/python"), "/no/python cannot be run"),
        (("--legacy", "ftp://a"), "not a valid routes.yaml"),
    ],
)
def test_what_cannot_be_drafted_is_said_and_ends_with_2(arguments, message):
    done = run(*arguments, "--output", "-")
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_any_other_monolith_gets_a_small_file(tmp_path):
    file = tmp_path / "routes.yaml"
    done = run("--legacy", "https://old.example", "--output", str(file))
    assert done.exit_code == 0
    assert load_file(file, {}).upstreams["monolith"].endpoints[0].url == "https://old.example"
    assert "strangler check" in done.stderr
