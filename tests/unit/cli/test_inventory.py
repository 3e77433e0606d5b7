"""`strangler inventory` where no server answers: it shows what the last one kept."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import main
from proxy.control.traffic import this_minute
from proxy.inventory.observed import Observed

FILE = """\
version: 1
listen: {{ console: "127.0.0.1:{port}" }}
upstreams:
  monolith: {{ url: "http://127.0.0.1:8000" }}
  inventory: {{ url: "http://127.0.0.1:8103" }}
defaults: {{ legacy: monolith }}
routes:
  - {{ name: products, match: GET /api/products/**, to: inventory, stage: cutover }}
  - {{ name: orders, match: /api/orders/**, stage: legacy }}
  - {{ name: carts, match: /api/carts/**, stage: legacy }}
  - {{ name: search, match: /search, stage: retired }}
"""

ROWS = [
    ["products", "service", "GET", "/api/products/{id}", "Mozilla", 0, 60, 0, 0, 0],
    ["orders", "legacy", "POST", "/api/orders", "shop-app", 0, 20, 0, 0, 0],
    ["default", "legacy", "GET", "/wiki/", "curl", 0, 20, 0, 0, 0],
    ["search", "none", "GET", "/search", "old-app", 0, 0, 0, 5, 0],
    ["default", "legacy", "GET", "(not found)", "scanner", 0, 0, 0, 9, 0],
]


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))  # bound, and not listening
        file = tmp_path / "routes.yaml"
        file.write_text(FILE.format(port=holder.getsockname()[1]))
        yield file


@pytest.fixture
def ask(config: Path) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(main, ["inventory", "-c", str(config), *arguments])


@pytest.fixture
def kept(config: Path) -> None:
    observed = Observed(this_minute() - 60)
    observed.take("w", ROWS, this_minute())
    (config.parent / ".strangler").mkdir()
    (config.parent / ".strangler" / "traffic.json").write_text(json.dumps(observed.as_kept()))


def test_before_anything_was_asked_it_says_so(ask):
    done = ask()
    assert done.exit_code == 0
    assert "Nothing was asked for yet" in done.stdout
    assert "what it kept is shown" in done.stderr


@pytest.mark.usefixtures("kept")
def test_people_see_what_to_extract_and_what_is_dead(ask):
    text = ask().stdout
    assert "moved: 2 of 4 routes, 61.9% of 105 requests, 0.0% of 20 writes" in text
    assert "/wiki/" in text.partition("What to extract next")[2].partition("What is asked for")[0]
    assert "carts (legacy)" in text.partition("Routes nobody asked for")[2]
    assert "still called by old-app 5" in text
    assert "9 requests for paths that are none (404): scanner 9" in text
    assert "…" not in text  # a pipe is as wide as it takes


@pytest.mark.usefixtures("kept")
def test_programs_get_json(ask):
    found = json.loads(ask("--json").stdout)
    assert [each["route"] for each in found["next"]] == ["default", "orders"]
    assert found["unrouted"] == {"no_route": ["/wiki/"], "no_pattern": None}
    assert "observed" not in found


@pytest.mark.usefixtures("kept")
def test_a_urlconf_is_joined(ask, tmp_path):
    urls = tmp_path / "urls.json"
    urls.write_text(
        '{"patterns": [{"template": "/wiki/", "methods": ["GET"]}, {"template": "/forum/", "view": "f.v"}]}'
    )
    text = ask("--urls", str(urls)).stdout
    assert "/forum/  (f.v)" in text
    assert "/api/orders" in text.partition("Asked for, and not in the URLconf")[2]


@pytest.mark.usefixtures("kept")
def test_long_lists_are_cut_unless_all_is_asked_for(ask, tmp_path):
    urls = tmp_path / "urls.json"
    urls.write_text(json.dumps({"patterns": [{"template": f"/p/x{'y' * n}/"} for n in range(25)]}))
    assert "and 5 more (--all)" in ask("--urls", str(urls)).stdout
    assert "more (--all)" not in ask("--urls", str(urls), "--all").stdout


def test_two_urlconfs_are_one_too_many(ask):
    done = ask("--urls", "a.json", "--django", "shop.settings")
    assert done.exit_code == 2
    assert "not from both" in done.stderr


def test_a_record_that_is_damaged_is_said(ask, config):
    (config.parent / ".strangler").mkdir()
    (config.parent / ".strangler" / "traffic.json").write_text("{")
    done = ask()
    assert done.exit_code == 4
    assert "traffic.json cannot be read" in done.stderr
