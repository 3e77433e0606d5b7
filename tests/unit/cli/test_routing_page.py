"""What docs/routing.md shows is what the commands print."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.cli.main import main

PAGE = (Path(__file__).parents[3] / "docs" / "routing.md").read_text()


@pytest.fixture
def run(tmp_path, monkeypatch):
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "routes.yaml").write_text(example)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, arguments)


def test_the_example_has_no_warnings(run):
    assert run("check", "--strict").exit_code == 0


def test_the_order_shown_is_the_one_printed(run):
    assert run("routes").output in PAGE


def test_the_explanation_shown_is_the_one_printed(run):
    assert "$ strangler explain GET /api/products/7\n" + run("explain", "GET", "/api/products/7").output in PAGE


def test_the_json_shown_is_the_one_printed(run):
    (shown,) = (text for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if '"lost"' in text)
    assert json.loads(run("explain", "GET", "/api/products/7", "--json").output) == json.loads(shown)


def test_the_table_of_requests_says_where_each_goes(run):
    rows = re.findall(r"^\| `(\w+ /\S+)`(?: with `(.+?)`)? \| (\w+)(?:, by ([\w-]+))?", PAGE, re.MULTILINE)
    assert len(rows) == 6
    for request, header, upstream, route in rows:
        headers = ["-H", header] if header else []
        found = json.loads(run("explain", *request.split(), *headers, "--json").output)
        assert (found["upstream"] or "nobody") == upstream
        assert found["route"] == route or upstream == "nobody"
