"""`strangler mismatches` where no server answers: it shows what the last one kept."""

import io
import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy import clock
from proxy.cli.main import main
from proxy.comparison.store import Store
from proxy.comparison.tally import Judged, rules_name
from proxy.config import load_file
from proxy.observability.log import Log
from tests.support.exchanges import an_exchange
from tests.support.judged import differing

FILE = """\
version: 1
listen: {{ console: "127.0.0.1:{port}" }}
upstreams:
  monolith: {{ url: "http://127.0.0.1:8000" }}
  inventory: {{ url: "http://127.0.0.1:8103" }}
defaults: {{ legacy: monolith }}
routes:
  - {{ name: products, match: GET /api/products/**, to: inventory, stage: shadow }}
  - {{ name: cart, match: /cart }}
"""


@pytest.fixture
def config(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))  # bound, and not listening
        file = tmp_path / "routes.yaml"
        file.write_text(FILE.format(port=holder.getsockname()[1]))
        yield str(file)


@pytest.fixture
def ask(config: str) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(main, ["mismatches", "-c", config, *arguments])


def keep(config: str, faulty: int, noisy: int = 150) -> None:
    snapshot = load_file(config, {})
    store = Store(snapshot.state_dir, Log("t", io.StringIO()), flush_seconds=60)
    now = clock.now()
    rules = rules_name(snapshot.routes[0], now.date())
    for _ in range(faulty):
        found = differing("$.items[*].price", "$.served_at")
        store.record(Judged(now, "products", rules, found, differing("$.served_at"), an_exchange()))
    for _ in range(noisy):
        store.record(Judged(now, "products", rules, differing("$.served_at"), differing("$.served_at")))
    store.close()


def test_a_mismatch_is_named_with_an_example_and_what_to_do(config: str, ask: Callable[..., Result]) -> None:
    keep(config, faulty=30)
    found = ask()
    assert found.exit_code == 1
    assert "no server answers at http://127.0.0.1:" in found.stderr
    assert "products  mismatch  $.items[*].price differs in 30 of 180 pairs" in found.stdout
    assert "180 compared (monolith with inventory), 180 of monolith with itself" in found.stdout
    assert "1 → 2  GET /api/products/7" in found.stdout
    assert "strangler ignore products '$.items[*].price' --because …" in found.stdout
    assert "$.served_at" not in found.stdout
    assert "1 field of noise (--all shows them)" in found.stdout
    assert "$.served_at" in ask("--all").stdout


def test_a_match_is_exit_code_0(config: str, ask: Callable[..., Result]) -> None:
    keep(config, faulty=0)
    found = ask("products")
    assert found.exit_code == 0
    assert "products  match  " in found.stdout


def test_json_has_everything(config: str, ask: Callable[..., Result]) -> None:
    keep(config, faulty=30)
    found = json.loads(ask("--json", "--limit", "1", "--since", "1h").stdout)
    assert [(each["route"], each["verdict"], each["more_groups"]) for each in found["routes"]] == [
        ("products", "mismatch", 1)
    ]


def test_a_server_of_any_port_that_is_gone_has_left_what_it_kept(config: str, ask: Callable[..., Result]) -> None:
    file = Path(config)
    file.write_text(re.sub(r"127.0.0.1:[0-9]+(?=\" })", "127.0.0.1:0", file.read_text(), count=1))
    keep(config, faulty=30)
    found = ask()
    assert found.exit_code == 1
    assert "nothing says where the console of a running server is: what it kept is shown" in found.stderr


def test_nothing_shadowed_is_said(config: str, ask: Callable[..., Result]) -> None:
    file = Path(config)
    file.write_text(file.read_text().replace("stage: shadow", "stage: legacy"))
    found = ask()
    assert (found.exit_code, "No route is shadowed" in found.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["product"], 'no route is named product: did you mean "products"?'),
        (["--since", "2"], '"2" is not a duration'),
        (["--limit", "0"], "is not in the range"),
    ],
)
def test_a_wrong_question_is_exit_code_2(ask: Callable[..., Result], arguments: list[str], said: str) -> None:
    found = ask(*arguments)
    assert found.exit_code == 2
    assert said in found.stderr
