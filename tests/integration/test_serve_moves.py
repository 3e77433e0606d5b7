"""Moving routes of a running server: by call and by command, in the file and beside it, and what survives what."""

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import PATIENCE_S
from tests.support.server import Answer, NamedUpstream, Server, ask, cli, serving

OVER: dict[str, Any] = {"to": "cutover", "force": True, "because": "it is time"}
"""Nothing was compared here, so every gate of a promotion is unmeasured: somebody has to insist."""


@dataclass
class Shop:
    """A server with two workers between two upstreams that answer their names."""

    server: Server
    text: str

    def cart(self) -> str:
        return ask(self.server.public, "/cart").body.decode()

    def sides(self) -> set[str]:
        """Who answers; both workers are asked, most likely."""
        return {self.cart() for _ in range(8)}

    def overrides(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.server.readyz().json()["overrides"]
        return found

    def ledger(self) -> Path:
        return self.server.folder / ".strangler" / "ledger.jsonl"


def file_text(monolith: str, service: str) -> str:
    return f"""\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0, drain_timeout: 10s }}
upstreams:
  monolith: {{ url: "{monolith}" }}
  service: {{ url: "{service}" }}
defaults: {{ legacy: monolith }}
routes:
  # the cart, which everybody uses
  - name: cart
    match: GET /cart
    to: service        # since spring
    stage: legacy      # for now
    group: shop
  - {{ name: stock, match: GET /stock, to: service, stage: legacy, group: shop }}
"""


@pytest.fixture(scope="module")
def upstreams() -> Iterator[tuple[NamedUpstream, NamedUpstream]]:
    with NamedUpstream.running("monolith") as monolith, NamedUpstream.running("service") as service:
        yield monolith, service


@pytest.fixture(scope="module")
def running(upstreams: tuple[NamedUpstream, NamedUpstream], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    text = file_text(*(each.url for each in upstreams))
    with serving(tmp_path_factory.mktemp("shop"), text, "--workers", "2") as server:
        yield Shop(server, text)


@pytest.fixture
def shop(running: Shop) -> Shop:
    """The running server, its cart on the monolith, with an empty ledger."""
    running.server.file.write_text(running.text)
    assert running.server.reload().status == 200
    assert running.overrides() == []
    running.ledger().unlink(missing_ok=True)
    running.server.forget_log()
    return running


def at_once(*calls: Any) -> list[Answer]:
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda call=call: answers.append(call())) for call in calls]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE_S)
    return answers


def test_a_move_by_call_holds_in_every_worker_when_it_returns(shop: Shop) -> None:
    for verb, body, side, line in [
        ("promote", OVER, "service", "    stage: cutover      # for now"),
        ("rollback", {}, "monolith", "    stage: legacy      # for now"),
        ("shadow", {}, "monolith", "    stage: shadow      # for now"),
        ("promote", {**OVER, "because": "equal"}, "service", "    stage: cutover      # for now"),
        ("rollback", {"to": "shadow"}, "monolith", "    stage: shadow      # for now"),
    ]:
        answer = shop.server.move("cart", verb, **body)
        assert answer.status == 200, answer.body
        assert shop.sides() == {side}
        assert {worker["revision"] for worker in shop.server.workers()} == {answer.json()["revision"]}
        assert shop.server.file.read_text() == shop.text.replace("    stage: legacy      # for now", line)
    history = shop.server.api("history").json()
    assert [each["verb"] for each in history["entries"]] == ["promote", "rollback", "shadow", "promote", "rollback"]
    assert (history["broken"], history["entries"][3]["why"]) == (None, "equal")
    shop.server.move("cart", "rollback")


def test_a_move_by_command_says_what_changed(shop: Shop) -> None:
    done = shop.server.cli("promote", "cart", "--to", "cutover", "--force", "--because", "it is time")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "cart  legacy → cutover")
    assert "+    stage: cutover      # for now" in done.stdout
    assert "next: strangler status" in done.stderr
    shop.server.wait_until(lambda: shop.sides() == {"service"})
    status = shop.server.cli("status")
    assert "cutover" in status.stdout
    everything = shop.server.cli("rollback", "--all", "--because", "incident", "--json")
    assert [each["route"] for each in json.loads(everything.stdout)["moves"]] == ["cart"]
    shop.server.wait_until(lambda: shop.sides() == {"monolith"})
    history = shop.server.cli("history", "cart")
    assert re.search(r"cutover → legacy +rollback +operator \(", history.stdout)
    group = shop.server.cli("promote", "--group", "shop")
    assert group.stdout.splitlines()[:2] == ["cart  legacy → shadow", "stock  legacy → shadow"]
    assert shop.server.cli("retire", "cart").returncode == 4


def test_a_stale_revision_is_refused(shop: Shop) -> None:
    revision = shop.server.readyz().json()["revision"]
    assert shop.server.move("cart", "shadow", revision=revision).status == 200
    refused = shop.server.move("cart", "rollback", revision=revision)
    assert (refused.status, refused.json()["type"]) == (409, "urn:strangler:refused")
    assert shop.server.move("cart", "rollback", revision=refused.json()["revision"]).status == 200


def test_of_two_promotions_at_once_one_wins_or_they_follow_each_other_and_none_is_lost(shop: Shop) -> None:
    answers = at_once(*[lambda: shop.server.move("cart", "promote", **OVER)] * 2)
    statuses = sorted(answer.status for answer in answers)
    assert statuses in ([200, 200], [200, 409])
    assert [answer.json().get("changed") for answer in answers].count(True) == 1
    assert len(shop.server.api("history").json()["entries"]) == 1
    assert shop.sides() == {"service"}
    shop.server.move("cart", "rollback")


def test_what_a_person_edits_meanwhile_is_kept(shop: Shop) -> None:
    shop.server.file.write_text(
        shop.text.replace("everybody uses", "everybody needs").replace("GET /stock", "GET /store")
    )
    assert shop.server.move("cart", "promote", **OVER).status == 200
    text = shop.server.file.read_text()
    assert "everybody needs" in text
    assert "GET /store" in text
    assert "stage: cutover      # for now" in text
    shop.server.move("cart", "rollback")


def test_a_broken_file_holds_up_a_promotion_and_not_a_rollback(shop: Shop) -> None:
    shop.server.move("cart", "promote", **OVER)
    shop.server.file.write_text(shop.server.file.read_text().replace("to: service        #", "to: servise        #"))
    assert shop.server.move("stock", "promote").status == 409
    answer = shop.server.move("cart", "rollback")
    assert (answer.status, answer.json()["override"]) == (200, True)
    assert shop.sides() == {"monolith"}
    assert [each["route"] for each in shop.overrides()] == ["cart"]
    assert "drift: cart stands at legacy, where the file says cutover" in shop.server.cli("status").stdout
    shop.server.file.write_text(shop.text)
    shop.server.wait_until(lambda: shop.overrides() == [])


def test_a_damaged_ledger_is_set_aside_and_the_rollback_stands(shop: Shop) -> None:
    shop.server.move("cart", "promote", **OVER)
    shop.ledger().write_bytes(shop.ledger().read_bytes().replace(b'"cart"', b'"card"'))
    assert shop.server.cli("history").returncode == 1
    answer = shop.server.move("cart", "rollback")
    assert answer.status == 200
    assert "is damaged; it is kept as" in answer.json()["notes"][0]
    assert shop.sides() == {"monolith"}
    assert len(shop.server.api("history").json()["entries"]) == 1
    assert shop.server.log("ledger")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_read_only_file_is_moved_beside_it_until_its_text_changes(
    upstreams: tuple[NamedUpstream, NamedUpstream], tmp_path: Path
) -> None:
    """A file that is mounted by itself, as in a container, cannot be replaced."""
    text = file_text(*(each.url for each in upstreams)).replace("stage: legacy      #", "stage: cutover      #")
    source = tmp_path / "source.yaml"
    source.write_text(text)
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "routes.yaml").touch()
    mounting = subprocess.run(["mount", "--bind", source, folder / "routes.yaml"], capture_output=True, check=False)
    if mounting.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        with serving(folder, text, "--workers", "2") as server:
            shop = Shop(server, text)
            assert shop.sides() == {"service"}
            moved = server.cli("rollback", "cart", "--because", "it is slow")
            assert moved.returncode == 0, moved.stderr
            assert "it holds beside the file, as drift" in moved.stderr
            server.wait_until(lambda: shop.sides() == {"monolith"})
            assert source.read_text() == text
            (override,) = shop.overrides()
            assert (override["route"], override["stage"], override["survives"]) == ("cart", "legacy", "every restart")
            found = server.api("status").json()["routes"][0]
            assert (found["stage"], found["file"]) == ("legacy", {"stage": "cutover"})
            assert "drift: cart stands at legacy" in server.cli("diff", "routes.yaml").stdout

            os.kill(server.control_pid(), signal.SIGKILL)
            server.wait_for_log("reload_unchanged")
            server.wait_until(lambda: _readable(shop))
            assert shop.sides() == {"monolith"}
        with serving(folder, text, "--workers", "2") as server:
            shop = Shop(server, text)
            assert shop.sides() == {"monolith"}, "from the first request on"
            source.write_text(text.replace("everybody uses", "nobody uses"))
            assert server.reload().status == 200
            assert shop.sides() == {"monolith"}, "the route's text is what it was"
            source.write_text(text.replace("# since spring", "# since autumn"))
            server.wait_until(lambda: shop.overrides() == [])
            server.wait_until(lambda: shop.sides() == {"service"})
            server.wait_for_log("override_ended")
    finally:
        subprocess.run(["umount", folder / "routes.yaml"], check=True)


def _readable(shop: Shop) -> bool:
    try:
        return len(shop.overrides()) == 1
    except OSError:
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_on_a_full_disk_a_rollback_holds_and_everybody_is_told(
    upstreams: tuple[NamedUpstream, NamedUpstream], tmp_path: Path
) -> None:
    text = file_text(*(each.url for each in upstreams)).replace("stage: legacy      #", "stage: cutover      #")
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mounting.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        with serving(tmp_path, text, "--workers", "2") as server:
            shop = Shop(server, text)
            fill(tmp_path / "filler")
            answer = server.move("cart", "rollback")
            assert (answer.status, answer.json()["override"]) == (200, True)
            assert any("not in the ledger" in note for note in answer.json()["notes"])
            assert shop.sides() == {"monolith"}
            assert server.file.read_text() == text
            assert shop.overrides()[0]["survives"] != "every restart"
            (tmp_path / "filler").unlink()
            assert server.move("cart", "promote", **OVER).json()["notes"] == []
            assert server.move("cart", "rollback").json()["override"] is False
            assert (server.file.read_text(), shop.overrides()) == (
                text.replace("stage: cutover      #", "stage: legacy      #"),
                [],
            )
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 512):
                pass
        except OSError:
            return


def test_without_a_server_the_file_alone_is_edited(
    upstreams: tuple[NamedUpstream, NamedUpstream], tmp_path: Path
) -> None:
    text = file_text(*(each.url for each in upstreams)).replace("console: 127.0.0.1:0", "console: 127.0.0.1:9")
    (tmp_path / "routes.yaml").write_text(text)
    done = cli(tmp_path, "promote", "cart", "--because", "prepared")
    assert done.returncode == 0, done.stderr
    assert "no server answers: the file was edited" in done.stderr
    assert (tmp_path / "routes.yaml").read_text() == text.replace("stage: legacy      #", "stage: shadow      #")
    (entry,) = json.loads(cli(tmp_path, "history", "--json").stdout)["entries"]
    assert "operator" not in entry["who"]
