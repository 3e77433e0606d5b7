"""From live traffic to a capture, from there to another system, and both side by side: with the real program."""

import http.client
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE_S, Process, strangler
from tests.support.server import Server, serving
from tests.support.session_shop import SessionShop

PASSWORD = "Hq7ZxK2mWv9TbLsR4cNd"
FILE = """\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0 }}
upstreams: {{ monolith: {{ url: "{legacy}" }}, orders: {{ url: "{service}" }} }}
defaults: {{ legacy: monolith }}
routes:
  - {{ name: orders, match: /orders/**, to: orders }}
  - {{ name: place, match: POST /orders, to: orders }}
"""


def visit(port: int) -> int:
    """Log in, order, look at the order. Its id."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)

    def ask(method: str, path: str, body: object = None, **headers: str) -> http.client.HTTPResponse:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json", **headers})
        return connection.getresponse()

    answer = ask("POST", "/login", {"user": "ada", "password": PASSWORD})
    session, token = answer.headers["Set-Cookie"].partition(";")[0], json.loads(answer.read())["token"]
    known = {"Cookie": session, "Authorization": f"Bearer {token}"}
    order = int(json.loads(ask("POST", "/orders", {"item": 7}, **known).read())["id"])
    assert ask("GET", f"/orders/{order}", **known).read()
    assert ask("GET", "/").read()
    connection.close()
    return order


@pytest.fixture(scope="module")
def shops() -> Iterator[tuple[SessionShop, SessionShop]]:
    with SessionShop.running() as legacy, SessionShop.running("USD") as service:
        yield legacy, service


@pytest.fixture(scope="module")
def server(shops: tuple[SessionShop, SessionShop], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    legacy, service = shops
    text = FILE.format(legacy=legacy.url, service=service.url)
    with serving(tmp_path_factory.mktemp("shop"), text, "--workers", "2") as server:
        yield server


@pytest.fixture(scope="module")
def capture(server: Server) -> Path:
    """Four exchanges, recorded live."""
    path = server.folder / "capture.jsonl"
    words = [*strangler(), "record", "--output", str(path), "--max-count", "4"]
    process = Process.start(words, log=server.folder / "record.log", cwd=server.folder)
    process.wait_until(path.exists)
    visit(server.public)
    assert process.wait() == 0
    return path


def test_what_is_recorded_is_whole_and_masked(capture, shops):
    text = capture.read_text()
    lines = [json.loads(line) for line in text.splitlines()[1:]]
    assert [line["request"]["method"] for line in lines] == ["POST", "POST", "GET", "GET"]
    assert sorted(str(line["route"]) for line in lines) == ["None", "None", "orders", "place"]
    for secret in (PASSWORD, shops[0].session, shops[0].token):
        assert secret not in text
    assert capture.stat().st_mode & 0o777 == 0o600


def test_a_replay_uses_the_session_the_token_and_the_ids_of_the_system_it_asks(server, capture, shops):
    done = server.cli(
        "replay", str(capture), "--to", shops[1].url, "--allow-writes", "--rate", "50x", "-o", "new.jsonl"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 asked, 4 answered, 4 with the recorded status" in done.stdout
    assert shops[1].orders
    assert shops[1].token not in (server.folder / "new.jsonl").read_text()
    assert not capture.with_name("capture.jsonl.position").exists()


def test_a_replay_without_leave_writes_nothing(server, capture, shops):
    before = len(shops[0].orders)
    done = server.cli("replay", str(capture), "--to", shops[0].url, "--rate", "50x")
    assert "not asked: 2 unsafe method" in done.stdout
    assert len(shops[0].orders) == before


def test_two_systems_are_compared_on_what_was_recorded(server, capture, shops):
    legacy, service = shops
    done = server.cli(
        "compare", "--left", legacy.url, "--right", service.url, "--capture", str(capture), "--report", "json"
    )
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert [(group["path"], group["example"]) for group in found["groups"]] == [
        ("$.currency", {"left": "EUR", "right": "USD"})
    ]


def test_direct_and_through_the_proxy_are_equal(server, shops):
    words = ("compare", "--left", shops[0].url, "--right", f"http://127.0.0.1:{server.public}", "--crawl", "/")
    done = server.cli(*words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_two_sides_of_a_route_are_asked_what_it_claims(server, capture):
    done = server.cli("compare", "--route", "orders", "--capture", str(capture), "--report", "json")
    found = json.loads(done.stdout)
    assert (found["exchanges"], found["skipped"]) == (1, {"another_route": 1, "unsafe_method": 2})


def test_there_is_one_recording_at_a_time_and_ctrl_c_ends_it_well(server):
    words = [*strangler(), "record", "--output", "first.jsonl", "--route", "orders"]
    process = Process.start(words, log=server.folder / "first.log", cwd=server.folder)
    process.wait_until((server.folder / "first.jsonl").exists)
    second = server.cli("record", "--output", "second.jsonl")
    assert (second.returncode, "one at a time" in second.stderr) == (4, True)
    assert not (server.folder / "second.jsonl").exists()
    process.send_signal(signal.SIGINT)
    assert process.wait() == 0
    assert "recording into first.jsonl; Ctrl-C ends it" in process.output
    assert "first.jsonl: 0 exchanges (stopped)" in process.output


def test_a_recording_never_goes_over_a_file(server, capture):
    done = server.cli("record", "--output", str(capture))
    assert (done.returncode, "is there already" in done.stderr) == (2, True)


def test_a_route_that_is_none_is_refused(server):
    done = server.cli("record", "--route", "nosuch", "--output", "x.jsonl")
    assert (done.returncode, "there is no route nosuch" in done.stderr) == (2, True)


def test_a_system_that_is_not_there_exits_3(server, shops, capture):
    nowhere = "http://127.0.0.1:1"
    compared = server.cli("compare", "--left", shops[0].url, "--right", nowhere, "--crawl", "/")
    replayed = server.cli("replay", str(capture), "--to", nowhere, "--allow-writes", "--rate", "50x")
    assert (compared.returncode, replayed.returncode) == (3, 3)
