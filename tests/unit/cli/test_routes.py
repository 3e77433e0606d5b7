import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.cli.main import main

FILE = """\
version: 1
upstreams:
  monolith: { url: "http://127.0.0.1:8000" }
  inventory: { url: "http://127.0.0.1:8103" }
defaults: { legacy: monolith }
routes:
  - { name: everything-else, match: /api/**, priority: -1 }
  - { name: products, match: "GET /api/products/**", to: inventory, stage: cutover, owner: team-inventory }
  - name: one-product
    match:
      - { path: "/api/products/{id}", headers: { X-Beta: "yes" }, cookies: { sid: "hunter2" } }
      - { path: { regex: "/[a-z]+/product" }, host: "*.example.com" }
  - { name: old, match: /search/**, stage: retired }
"""


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text(FILE)
    return str(file)


def listed(config, *options):
    return CliRunner().invoke(main, ["routes", "-c", config, *options])


def test_the_routes_are_listed_in_the_order_in_which_they_are_asked(config):
    result = listed(config)
    assert result.exit_code == 0
    header, *lines = result.output.splitlines()
    assert header.split() == ["#", "ROUTE", "REQUEST", "STAGE", "SIDE", "UPSTREAM", "PRIORITY", "OWNER"]
    assert [line.split()[1] for line in lines[:-1]] == [
        "one-product",
        "one-product",
        "products",
        "old",
        "everything-else",
    ]
    assert lines[-1].split() == ["default", "everything", "else", "legacy", "monolith"]
    assert lines[2].split()[-5:] == ["/api/products/**", "cutover", "service", "inventory", "team-inventory"]
    assert "(answers 410)" in lines[3]


def test_what_a_cookie_must_be_is_not_shown(config):
    for output in (listed(config).output, listed(config, "--json").output):
        assert "cookie sid is" in output
        assert "hunter2" not in output


def test_json_has_every_match_with_its_rank(config):
    content = json.loads(listed(config, "--json").output)
    assert content["legacy"] == "monolith"
    assert [one["rank"] for one in content["routes"]] == [1, 2, 3, 4, 5]
    products = content["routes"][2]
    assert products.pop("place").endswith("routes.yaml:8:30")
    assert products == {
        "rank": 3,
        "route": "products",
        "host": None,
        "path": "/api/products/**",
        "kind": "prefix",
        "methods": ["GET", "HEAD"],
        "conditions": [],
        "priority": 0,
        "stage": "cutover",
        "weight": None,
        "side": "service",
        "upstream": "inventory",
        "shadow": None,
        "parts": [],
        "status": None,
        "owner": "team-inventory",
        "group": None,
    }


def test_a_table_without_routes_still_has_its_default(tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text("version: 1\nupstreams: {m: {url: 'http://127.0.0.1:1'}}\ndefaults: {legacy: m}\n")
    assert listed(str(file)).output.splitlines()[1].split() == ["default", "everything", "else", "legacy", "m"]


def test_a_broken_file_is_exit_2_with_its_problems(tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text("version: 1\nroute: []\n")
    result = listed(str(file))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "routes.yaml:2:1" in result.stderr


def test_a_terminal_gets_a_table_and_nothing_of_a_regex_is_taken_for_markup(config):
    theirs, ours = os.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "160"}
    command = [sys.executable, "-c", "from proxy.cli.main import main; main()", "routes", "-c", config]
    with subprocess.Popen(command, stdout=ours, env=environ) as process:
        os.close(ours)
        output = b""
        try:
            while chunk := os.read(theirs, 65536):
                output += chunk
        except OSError:  # Linux says EIO when the other end of a terminal has closed
            pass
        os.close(theirs)
    assert process.returncode == 0
    assert b"/[a-z]+/product on *.example.com" in output
    assert b"\x1b[" in output


def test_a_composed_answer_names_the_upstreams_of_its_parts(tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text(
        "version: 1\nupstreams: {m: {url: 'http://127.0.0.1:1'}, o: {url: 'http://127.0.0.1:2'}}\n"
        "defaults: {legacy: m}\nroutes:\n"
        "  - {name: r, match: /r, aggregate: {a: {from: o, get: /a}, b: {from: m, get: /b}, c: {from: o, get: /c}}}\n"
    )
    assert "GET /r" in listed(str(file)).output
    assert "o + m" in listed(str(file)).output
    assert json.loads(listed(str(file), "--json").output)["routes"][0]["parts"] == ["o", "m"]


def test_where_copies_go_has_a_column_when_there_are_any(config):
    assert "COPIES TO" not in listed(config).output
    with Path(config).open("a") as file:
        file.write("  - { name: cart, match: /cart, to: inventory, stage: shadow }\n")
    header, *lines = listed(config).output.splitlines()
    assert "COPIES TO" in header
    cart = next(line for line in lines if " cart " in line)
    assert cart.split()[-5:] == ["/cart", "shadow", "legacy", "monolith", "inventory"]
    found = {one["route"]: one["shadow"] for one in json.loads(listed(config, "--json").output)["routes"]}
    assert (found["cart"], found["products"]) == ("inventory", None)


def test_a_route_at_canary_shows_its_share_and_both_sides(tmp_path):
    file = tmp_path / "routes.yaml"
    canary = "stage: canary, canary: { weight: 25% }"
    file.write_text(FILE + f"  - {{ name: pages, match: GET /pages/**, to: inventory, {canary} }}\n")
    (line,) = (line for line in listed(str(file)).output.splitlines() if " pages " in line)
    columns = [part.strip() for part in line.split("  ") if part.strip()]
    assert columns[-4:] == ["canary 25%", "both", "inventory, else monolith", "the other side"]
