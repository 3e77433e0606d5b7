"""What is wrong in files, machines, upstreams and clients: said in words where it is, and no harm to anything else."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from benchmarks.accounting import peak_resident_bytes, reset_peak_resident, resident_bytes
from tests.support.messages import EndedError
from tests.support.processes import free_port, is_listening, strangler
from tests.support.raw_client import RawClient
from tests.support.server import NamedUpstream, Server, ask, serving

MIB = 1 << 20
BACK_REFERENCE = r"""
version: 1
upstreams: { monolith: { url: "http://127.0.0.1:9" } }
defaults: { legacy: monolith }
routes:
  - { name: a, match: { path: { regex: '(a+)\1' } } }
  - { name: b, match: { path: { regex: '(?=a)b' } } }
"""
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12)
)
BROKEN: dict[str, tuple[bytes, list[str]]] = {
    "two regexes that are not linear": (BACK_REFERENCE.encode(), ["routes.yaml:6:", "routes.yaml:7:"]),
    "an alias bomb": (LAUGHS.encode(), ["routes.yaml:"]),
    "a hundred thousand brackets": (b"[" * 100_000, ["routes.yaml:1:"]),
    "random bytes": (bytes(range(256)) * 20, ["routes.yaml:"]),
    "zeros": (b"\0" * 100, ["routes.yaml:1:1:"]),
    "another encoding": ("version: 1".encode("utf-16"), ["routes.yaml:1:1:"]),
    "nothing": (b"", ["routes.yaml:1:1:"]),
    "half a file": (b'version: 1\nupstreams: { monolith: { url: "http://127', ["routes.yaml:2:"]),
    "a list": (b"- version: 1\n", ["routes.yaml:1:1:"]),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[NamedUpstream]:
    with NamedUpstream.running("monolith") as monolith:
        yield monolith


def table(monolith: str, routes: str = "", *, limits: str = "", more: str = "") -> str:
    return f"""\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0, limits: {{ {limits} }} }}
upstreams:
  monolith: {{ url: "{monolith}" }}
  unknown: {{ url: "http://no-such-host.invalid:80", timeout: {{ connect: 15s }} }}
  nobody: {{ url: "http://127.0.0.1:9" }}
defaults: {{ legacy: monolith }}
{more}routes:
  - {{ name: lost, match: {{ path: "/lost/**" }}, to: unknown, stage: cutover }}
  - {{ name: refused, match: {{ path: "/refused/**" }}, to: nobody, stage: cutover }}
{routes}"""


@pytest.fixture(scope="module")
def running(upstream: NamedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # Where no name server answers, the resolver is not to try for half a minute.
    environ = {"RES_OPTIONS": "timeout:1 attempts:1"}
    with serving(tmp_path_factory.mktemp("serve"), table(upstream.url), environ=environ) as server:
        yield server


@pytest.fixture
def server(running: Server, upstream: NamedUpstream) -> Server:
    """The running server with a good file."""
    running.file.write_text(table(upstream.url))
    assert running.api("reload", method="POST").status == 200
    running.forget_log()
    return running


def start(folder: Path, *prefix: str) -> subprocess.CompletedProcess[str]:
    command = [*prefix, *strangler(), "serve"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90, check=False)


# Files


@pytest.mark.parametrize(("text", "places"), BROKEN.values(), ids=BROKEN)
def test_a_start_with_a_broken_file_lists_its_problems_and_exits_2(
    tmp_path: Path, text: bytes, places: list[str]
) -> None:
    (tmp_path / "routes.yaml").write_bytes(text)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = start(tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (result.returncode, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert len(lines) == len(places), result.stderr
    assert all(line.startswith(place) for line, place in zip(lines, places, strict=True)), result.stderr
    assert after.ru_utime - before.ru_utime < 10, "in seconds of the processor"
    assert list(tmp_path.iterdir()) == [tmp_path / "routes.yaml"], "something was left behind"


@pytest.mark.parametrize(("text", "places"), BROKEN.values(), ids=BROKEN)
def test_a_reload_of_a_broken_file_is_refused_and_the_next_good_one_taken(
    server: Server, upstream: NamedUpstream, text: bytes, places: list[str]
) -> None:
    revision = server.readyz().json()["revision"]
    server.file.write_bytes(text)
    refused = server.api("reload", method="POST")
    assert refused.status == 422
    problems = refused.json()["problems"]
    assert [problem.startswith(place) for problem, place in zip(problems, places, strict=True)] == [True] * len(places)
    ready = server.readyz()
    assert (ready.status, ready.json()["ready"], ready.json()["revision"]) == (200, True, revision)
    assert ready.json()["config_error"].startswith(places[0])
    assert ask(server.public).body == b"monolith"
    assert server.log("reload_refused")[0]["problems"] == problems
    assert server.metric("strangler_config_last_reload_successful") == 0

    server.file.write_text(table(upstream.url, more="log: { access: off }\n"))
    server.wait_until(lambda: server.readyz().json()["config_error"] is None)  # by itself
    assert server.readyz().json()["revision"] != revision
    assert server.metric("strangler_config_last_reload_successful") == 1


def test_a_file_that_becomes_a_folder_is_an_error_until_it_is_a_file_again(
    server: Server, upstream: NamedUpstream
) -> None:
    server.file.unlink()
    server.file.mkdir()
    refused = server.api("reload", method="POST")
    assert refused.status == 422
    assert "is a directory" in refused.json()["problems"][0]
    assert ask(server.public).body == b"monolith"
    server.file.rmdir()
    server.file.write_text(table(upstream.url))
    server.wait_until(lambda: server.readyz().json()["config_error"] is None)


@pytest.mark.skipif(os.geteuid() != 0, reason="whoever is not root is tested as such in tests/integration")
def test_a_file_that_one_may_not_read_is_named(tmp_path: Path, upstream: NamedUpstream) -> None:
    with readable_folder() as folder:
        (folder / "routes.yaml").write_text(table(upstream.url))
        (folder / "routes.yaml").chmod(0)
        result = start(folder, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if "strangler" in result.stderr.lower() and "ermission" in result.stderr and "routes.yaml" not in result.stderr:
        pytest.skip("this checkout cannot be entered by another user")
    assert result.returncode == 2
    assert result.stderr.startswith("routes.yaml: permission denied")
    assert result.stderr.count("\n") == 1


@contextlib.contextmanager
def readable_folder() -> Iterator[Path]:
    """A folder that every user may enter: pytest's own may not be."""
    folder = Path("/tmp") / f"strangler-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        yield folder
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


# The machine


def mount_tiny(folder: Path) -> bool:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "full"
    if not mount_tiny(folder):
        pytest.skip("only root may mount a small disk to fill")
    with contextlib.suppress(OSError), (folder / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(b"x" * 4096)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_under_the_state_folder_stops_nothing(
    full_disk: Path, tmp_path: Path, upstream: NamedUpstream
) -> None:
    text = table(upstream.url, more=f"state: {full_disk}/state\n")
    with serving(tmp_path, text) as server:
        assert ask(server.public).body == b"monolith"
        (warning,) = server.log("no_console_token")
        assert "no space left" in warning["problem"].lower()
        server.file.write_text(text.replace("/lost/**", "/away/**"))
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded")
        assert ask(server.public, "/lost/now").body == b"monolith"
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait() == 0


def test_logs_that_cannot_be_written_stop_nothing(tmp_path: Path, upstream: NamedUpstream) -> None:
    public = table_on_a_port(tmp_path, upstream)
    with Path("/dev/full").open("wb") as full, ended(popen(tmp_path, full)) as process:
        assert until(lambda: is_listening(public) and process.poll() is None)
        assert [ask(public, path).status for path in ["/", "/refused/x"] * 50] == [200, 502] * 50
        process.send_signal(signal.SIGHUP)
        assert ask(public).body == b"monolith"
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0


def test_a_reader_of_the_log_that_left_stops_nothing(tmp_path: Path, upstream: NamedUpstream) -> None:
    """As in `strangler serve 2>&1 | head -1`."""
    public = table_on_a_port(tmp_path, upstream)
    with ended(popen(tmp_path, subprocess.PIPE)) as process:
        assert process.stdout is not None
        while json.loads(process.stdout.readline())["event"] != "ready":
            pass
        process.stdout.close()
        assert [ask(public, path).status for path in ["/", "/refused/x"] * 20] == [200, 502] * 20
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0


def table_on_a_port(folder: Path, upstream: NamedUpstream) -> int:
    """A file whose server can be found without its log; the port."""
    port = free_port()
    text = table(upstream.url, more="log: { access: on }\n")
    (folder / "routes.yaml").write_text(text.replace("public: 127.0.0.1:0", f"public: 127.0.0.1:{port}"))
    return port


def popen(folder: Path, sink: IO[bytes] | int) -> "subprocess.Popen[bytes]":
    command = [*strangler(), "serve"]
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT)


@contextlib.contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(90)
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.close()


def until(condition: Callable[[], bool], within: float = 90) -> bool:
    """Ask again and again."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


# Upstreams


def test_an_upstream_that_no_name_server_knows_is_502_and_one_clear_line(server: Server) -> None:
    for _ in range(3):
        answer = ask(server.public, "/lost/orders")
        assert answer.status == 502
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:strangler:connect_error"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert "invalid" not in answer.body.decode(), "a client is told nothing of what stands behind the proxy"
    server.wait_until(lambda: "no-such-host.invalid" in server.process.output)
    lines = [line for line in server.log("library") if "no-such-host.invalid" in line["message"]]
    assert len(lines) == 1, "said once, not for every request"
    assert lines[0]["level"] == "warning"
    assert "upstream unknown" in lines[0]["message"]
    assert "connect_error" in lines[0]["message"]
    assert ask(server.public).body == b"monolith"
    server.wait_until(lambda: server.metric("strangler_requests_total", route="lost", code_class="5xx") >= 3)


# Clients


def test_a_regex_that_would_explode_elsewhere_costs_nothing(server: Server, upstream: NamedUpstream) -> None:
    bomb = "  - { name: bomb, match: { path: { regex: '/(a+)+(a|aa)*(.*a){9}b' } }, to: nobody, stage: cutover }\n"
    server.file.write_text(table(upstream.url, bomb))
    assert server.api("reload", method="POST").status == 200
    began = time.monotonic()
    assert [ask(server.public, "/" + "a" * 8_000).status for _ in range(20)] == [200] * 20
    assert time.monotonic() - began < 120, "one of them alone would take years"
    assert ask(server.public, "/" + "a" * 8_000 + "b").status == 502, "it does match what it is meant to"


@pytest.mark.anyio
async def test_heads_that_never_end_are_408_in_time_and_bound_in_memory(
    tmp_path: Path, upstream: NamedUpstream
) -> None:
    text = table(upstream.url, limits="head: 32KiB, head_timeout: 2s")
    with serving(tmp_path, text) as server:
        (worker,) = await asyncio.to_thread(server.workers)
        reset_peak_resident(worker["pid"])
        before = resident_bytes(worker["pid"])
        began = time.monotonic()
        clients = [await RawClient.connect("127.0.0.1", server.public) for _ in range(200)]
        for client in clients:
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Filler: " + b"a" * 30_000)
        first = time.monotonic()
        answers = asyncio.gather(*(dribble(client) for client in clients))
        while not answers.done():
            assert (await asyncio.to_thread(ask, server.public)).body == b"monolith"
            await asyncio.sleep(0.05)
        ends = await answers
        assert {status for status, _ in ends} == {408}
        took = [end - first for _, end in ends]
        assert min(end - began for _, end in ends) >= 2
        assert max(took) < 60, "head_timeout, one look a second, and what a busy machine needs"
        assert peak_resident_bytes(worker["pid"]) - before < 200 * 4 * 32 * 1024 + 8 * MIB
        for client in clients:
            await client.close()


async def dribble(client: RawClient) -> tuple[int, float]:
    """Send one byte more now and then, until there is an answer; its status, and when it came."""
    reading = asyncio.create_task(client.read_answer())
    while not reading.done():
        with contextlib.suppress(EndedError):
            await client.send(b"a")
        await asyncio.wait([reading], timeout=0.2)
    answer = await reading
    return answer.status, time.monotonic()


def test_a_port_scanner_and_a_tls_client_disturb_nobody(server: Server) -> None:
    """Bytes that are no HTTP at all."""
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"\0" * 5000, b"SSH-2.0-x\r\n\r\n", b""):
        with socket.create_connection(("127.0.0.1", server.public), timeout=60) as client:
            client.sendall(junk)
            client.shutdown(socket.SHUT_WR)
            answer = b""
            with contextlib.suppress(ConnectionError):
                while piece := client.recv(65536):
                    answer += piece
        assert not answer or answer.startswith(b"HTTP/1.1 400 "), answer
        assert ask(server.public).body == b"monolith"
    assert "Traceback" not in server.process.output
