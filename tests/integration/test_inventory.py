"""The inventory of a real server: counted by its workers, kept across all restarts, asked for by the command."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from proxy.cli.main import main
from tests.support.server import NamedUpstream, Server, ask, serving

TABLE = """\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0, drain_timeout: 10s }}
upstreams:
  monolith: {{ url: "{monolith}" }}
  service: {{ url: "{service}" }}
defaults: {{ legacy: monolith }}
routes:
  - {{ name: cart, match: GET /cart/**, to: service, stage: {stage} }}
  - {{ name: quiet, match: GET /quiet/**, stage: legacy }}
  - {{ name: search, match: GET /search, stage: retired }}
"""


@pytest.fixture(scope="module")
def monolith() -> Iterator[NamedUpstream]:
    with NamedUpstream.running("monolith") as running:
        yield running


def table(monolith: NamedUpstream, stage: str = "legacy") -> str:
    return TABLE.format(monolith=monolith.url, service=monolith.url, stage=stage)


def get(server: Server, path: str, times: int = 1, program: str = "curl/8.5") -> None:
    for _ in range(times):
        ask(server.public, path, headers={"User-Agent": program})


def lines(server: Server) -> dict[tuple[str, str], int]:
    found = server.api("inventory").json()["lines"]
    return {(line["route"], line["template"]): line["requests"] for line in found}


def run(folder: Path, *arguments: str) -> str:
    """What a command prints."""
    done = CliRunner().invoke(main, [*arguments, "--config", str(folder / "routes.yaml")])
    assert done.exit_code == 0, done.output
    return done.stdout


def inventory(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(folder, "inventory", "--json"))
    return found


def test_nothing_counted_is_lost_or_counted_twice_whatever_process_is_killed(
    monolith: NamedUpstream, tmp_path: Path
) -> None:
    cart = ("cart", "/cart/{id}")
    with serving(tmp_path, table(monolith), "--workers", "2") as server:
        for number in range(12):
            get(server, f"/cart/{1000 + number}?token=s3cret")
        server.wait_until(lambda: lines(server).get(cart) == 12)
        os.kill(server.control_pid(), signal.SIGKILL)
        server.wait_until(lambda: _answers(server) and lines(server).get(cart) == 12)  # workers say it again
        before = {worker["pid"] for worker in server.workers()}
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        server.wait_until(lambda: len({worker["pid"] for worker in server.workers()} - before) == 2)
        get(server, "/cart/7", times=3)
        get(server, "/search", program="old-app/2.0")
        server.wait_until(lambda: lines(server).get(cart) == 15 and ("search", "/search") in lines(server))
        live = inventory(tmp_path)
    kept = inventory(tmp_path)
    assert "s3cret" not in (tmp_path / ".strangler" / "traffic.json").read_text()
    for found in (live, kept):
        assert {line["template"]: line["requests"] for line in found["lines"]} == {"/cart/{id}": 15, "/search": 1}
        assert found["dead"]["routes"] == [{"route": "quiet", "stage": "legacy"}]
        (left,) = found["leaving"]
        assert left["retired"]["callers"] == {"old-app": 1}


def test_a_server_that_starts_again_goes_on_and_says_since_when_the_monolith_was_not_asked(
    monolith: NamedUpstream, tmp_path: Path
) -> None:
    with serving(tmp_path, table(monolith)) as server:
        get(server, "/cart/1", times=4)
        get(server, "/wiki/", times=2)
    before = inventory(tmp_path)
    assert [each["template"] for each in before["next"] if each["route"] == "default"] == ["/wiki/"]
    with serving(tmp_path, table(monolith, stage="cutover")) as server:
        get(server, "/cart/2", times=5)
        server.wait_until(lambda: lines(server).get(("cart", "/cart/{id}")) == 9)
        (moved, _) = server.api("status").json()["left"]
        assert moved["last_request"] == before["lines"][0]["last_seen"], "it was asked before it moved, and not since"
        found = server.api("inventory").json()
        assert (found["progress"]["requests"], found["progress"]["requests_moved"]) == (11, 9)
        assert "cart (cutover): the monolith last answered at" in run(tmp_path, "status")


def _answers(server: Server) -> bool:
    try:
        return server.readyz().status == 200
    except OSError:
        return False
