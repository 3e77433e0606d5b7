"""Reloading a running server: what is taken, what is refused, and that it goes on serving all the while."""

import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.processes import PATIENCE_S
from tests.support.server import NamedUpstream, Server, ask, routes_yaml, serving


@dataclass
class Shop:
    """A server with two workers between two upstreams that answer their names."""

    server: Server
    monolith: NamedUpstream
    service: NamedUpstream

    def text(self, stage: str, extra: str = "") -> str:
        return routes_yaml(self.monolith.url, self.service.url, stage=stage, extra=extra)

    def write(self, stage: str, extra: str = "") -> None:
        self.server.file.write_text(self.text(stage, extra))

    def cart(self) -> str:
        return ask(self.server.public, "/cart").body.decode()

    def error(self) -> str | None:
        answer = self.server.readyz()
        assert answer.status == 200
        error: str | None = answer.json()["config_error"]
        return error


@pytest.fixture(scope="module")
def upstreams() -> Iterator[tuple[NamedUpstream, NamedUpstream]]:
    with NamedUpstream.running("monolith") as monolith, NamedUpstream.running("service") as service:
        yield monolith, service


@pytest.fixture(scope="module")
def running(upstreams: tuple[NamedUpstream, NamedUpstream], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    monolith, service = upstreams
    text = routes_yaml(monolith.url, service.url)
    with serving(tmp_path_factory.mktemp("shop"), text, "--workers", "2") as server:
        yield Shop(server, monolith, service)


@pytest.fixture
def shop(running: Shop) -> Shop:
    """The running server, with a good file that has the cart on the monolith."""
    running.write("legacy")
    assert running.server.reload().status == 200
    running.server.forget_log()
    return running


def test_an_edited_file_is_taken_by_itself(shop: Shop) -> None:
    assert shop.cart() == "monolith"
    shop.write("cutover")
    shop.server.wait_until(lambda: shop.cart() == "service")
    shop.write("legacy")
    shop.server.wait_until(lambda: shop.cart() == "monolith")


def test_the_admin_call_returns_when_every_worker_has_taken_the_file(shop: Shop) -> None:
    for stage, side in [("cutover", "service"), ("legacy", "monolith")] * 3:
        shop.write(stage)
        answer = shop.server.reload()
        assert answer.status == 200
        assert {shop.cart() for _ in range(10)} == {side}
        assert {worker["revision"] for worker in shop.server.workers()} == {answer.json()["revision"]}


def test_hangup_reloads(shop: Shop) -> None:
    shop.write("cutover")
    shop.server.process.send_signal(signal.SIGHUP)
    shop.server.wait_for_log("reloaded")
    assert shop.server.log("reloaded")[0]["trigger"] in {"signal", "watch"}
    shop.server.wait_until(lambda: shop.cart() == "service")


def test_a_broken_file_is_refused_shown_and_the_next_good_one_taken(shop: Shop) -> None:
    shop.server.file.write_text(shop.text("cutover").replace("to: service", "to: servise"))
    refused = shop.server.reload()
    assert refused.status == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert any('did you mean "service"?' in problem for problem in refused.json()["problems"])
    assert shop.cart() == "monolith"
    error = shop.error()
    assert error is not None
    assert error.startswith("routes.yaml:8:")
    assert shop.server.metric("strangler_config_last_reload_successful") == 0
    assert shop.server.log("reload_refused")
    shop.write("cutover")
    shop.server.wait_until(lambda: shop.error() is None)
    shop.server.wait_until(lambda: shop.cart() == "service")
    assert shop.server.metric("strangler_config_last_reload_successful") == 1


def test_a_file_that_vanishes_is_an_error_until_it_returns(shop: Shop) -> None:
    shop.server.file.unlink()
    shop.server.wait_until(lambda: shop.error() is not None)
    assert shop.cart() == "monolith"
    shop.write("cutover")
    shop.server.wait_until(lambda: shop.error() is None)
    shop.server.wait_until(lambda: shop.cart() == "service")


def test_a_file_of_ten_megabytes_is_refused_and_serving_goes_on(shop: Shop) -> None:
    shop.server.file.write_text(shop.text("cutover") + "# padding\n" * 1_000_000)
    refused = shop.server.reload()
    assert refused.status == 422
    assert "1 MiB" in refused.json()["problems"][0]
    assert shop.cart() == "monolith"


def test_addresses_cannot_be_changed_without_a_restart(shop: Shop) -> None:
    shop.server.file.write_text(shop.text("cutover").replace("public: 127.0.0.1:0", "public: 127.0.0.1:1"))
    refused = shop.server.reload()
    assert refused.status == 422
    assert (
        "listen.public changed from 127.0.0.1:0 to 127.0.0.1:1: this needs a restart" in refused.json()["problems"][0]
    )
    assert shop.cart() == "monolith"


def test_a_request_that_began_before_a_reload_ends_as_it_began(shop: Shop) -> None:
    shop.monolith.asked.clear()
    shop.monolith.release.clear()
    answers: list[bytes] = []
    slow = threading.Thread(target=lambda: answers.append(ask(shop.server.public, "/slow").body))
    slow.start()
    assert shop.monolith.asked.wait(PATIENCE_S)
    shop.write("cutover")
    assert shop.server.reload().status == 200
    assert shop.cart() == "service"
    shop.monolith.release.set()
    slow.join(PATIENCE_S)
    assert answers == [b"monolith"]


def test_the_command_line_reloads_and_shows_the_status(shop: Shop) -> None:
    shop.write("cutover")
    reloaded = shop.server.cli("reload")
    assert (reloaded.returncode, reloaded.stderr) == (0, "")
    shop.server.wait_until(lambda: shop.cart() == "service")
    status = shop.server.cli("status")
    assert status.returncode == 0
    assert "ready" in status.stdout
    shop.server.file.write_text("version: 1\nlisten: {}\n")
    refused = shop.server.cli("reload")
    assert refused.returncode == 2
    assert "goes on serving" in refused.stderr
    broken = shop.server.cli("status", "--json")  # found though the file is broken
    assert broken.returncode == 1
    assert '"ready": true' in broken.stdout


def test_the_command_line_tells_unreachable_from_refused(shop: Shop) -> None:
    assert shop.server.cli("status", "--console", "127.0.0.1:9").returncode == 3
    refused = shop.server.cli("reload", environ={"STRANGLER_TOKEN": "wrong"})
    assert refused.returncode == 4
    assert "wrong" not in refused.stderr
