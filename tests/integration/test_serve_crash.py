"""Processes that die: what goes on, and what comes back."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.support.server import NamedUpstream, Server, ask, routes_yaml, serving


@pytest.fixture(scope="module")
def upstream() -> Iterator[NamedUpstream]:
    with NamedUpstream.running("monolith") as monolith:
        yield monolith


@pytest.fixture(scope="module")
def running(upstream: NamedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("crash")
    with serving(folder, routes_yaml(upstream.url, upstream.url), "--workers", "2") as server:
        yield server


@pytest.fixture
def server(running: Server, upstream: NamedUpstream) -> Server:
    """The running server, whole, with the file it began with."""
    running.wait_until(lambda: len(running.workers()) == 2)
    running.file.write_text(routes_yaml(upstream.url, upstream.url))
    assert running.reload().status == 200
    running.forget_log()
    return running


def test_a_killed_worker_is_replaced_and_the_other_serves_meanwhile(server: Server) -> None:
    restarts = server.metric("strangler_worker_restarts_total")
    victim = server.workers()[0]
    os.kill(victim["pid"], signal.SIGKILL)
    assert [ask(server.public, "/other").status for _ in range(20)] == [200] * 20
    server.wait_until(lambda: len(server.workers()) == 2 and server.workers()[0]["pid"] != victim["pid"])
    assert server.metric("strangler_worker_restarts_total") == restarts + 1
    assert server.readyz().status == 200


def test_counters_do_not_go_back_when_a_worker_is_replaced(server: Server) -> None:
    before = server.metric("strangler_requests_total", route="cart")
    for _ in range(40):
        ask(server.public, "/cart")
    server.wait_until(lambda: server.metric("strangler_requests_total", route="cart") == before + 40)
    pids = {worker["pid"] for worker in server.workers()}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    server.wait_until(lambda: len({worker["pid"] for worker in server.workers()} - pids) == 2)
    assert server.metric("strangler_requests_total", route="cart") == before + 40


def test_without_the_control_process_serving_goes_on_and_it_comes_back_able_to_reload(
    server: Server, upstream: NamedUpstream
) -> None:
    pids = {worker["pid"] for worker in server.workers()}
    control = server.control_pid()
    os.kill(control, signal.SIGKILL)
    assert [ask(server.public, "/other").status for _ in range(20)] == [200] * 20
    server.wait_for_log("reload_unchanged")
    server.wait_until(lambda: len(server.workers()) == 2)
    assert {worker["pid"] for worker in server.workers()} == pids
    before = server.readyz().json()["revision"]
    server.file.write_text(routes_yaml(upstream.url, upstream.url, stage="cutover"))
    assert server.reload().json()["revision"] != before
    assert server.metric("strangler_control_restarts_total") >= 1


def test_what_was_changed_while_there_was_no_control_process_is_taken_when_it_is_back(
    server: Server, upstream: NamedUpstream
) -> None:
    control = server.control_pid()
    os.kill(control, signal.SIGSTOP)
    server.file.write_text(routes_yaml(upstream.url, upstream.url, stage="cutover"))
    os.kill(control, signal.SIGKILL)
    server.wait_for_log("reloaded")
    assert server.log("reloaded")[0]["trigger"] == "start"


def test_a_control_process_that_returns_to_a_broken_file_keeps_the_last_good_one(server: Server) -> None:
    revision = server.readyz().json()["revision"]
    control = server.control_pid()
    os.kill(control, signal.SIGSTOP)
    server.file.write_text("version: 2\n")
    os.kill(control, signal.SIGKILL)
    server.wait_for_log("reload_refused")
    found = server.readyz().json()
    assert (found["revision"], found["ready"]) == (revision, True)
    assert found["config_error"].startswith("routes.yaml:1:")


def test_a_rolling_restart_replaces_every_worker_without_a_failed_request(server: Server) -> None:
    before = {worker["pid"] for worker in server.workers()}
    restarted = server.cli("reload", "--rolling-restart")
    assert restarted.returncode == 0, restarted.stderr
    statuses = {ask(server.public, "/other").status}
    while not server.log("rolling_restart_done"):
        statuses.add(ask(server.public, "/other").status)
    assert statuses == {200}
    server.wait_until(lambda: not before & {worker["pid"] for worker in server.workers()})
    assert len(server.workers()) == 2
