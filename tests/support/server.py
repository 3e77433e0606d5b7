"""A running `strangler serve` for tests: real processes, free ports, a file that may be rewritten, a console to ask."""

import contextlib
import http.client
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.support.processes import HELD_S, PATIENCE_S, Process, strangler


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    port: int,
    path: str = "/",
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """One request on a connection of its own. Raises `OSError` or `http.client.HTTPException`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, {"Connection": "close", **(headers or {})})
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


class NamedUpstream(ThreadingHTTPServer):
    """Answers every GET with its name; `/slow` only when `release` is set, having set `asked`; `/health` with the
    status `health`."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        self.answer = name.encode()
        self.health = 200
        self.asked, self.release = threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), _Named)

    @classmethod
    @contextlib.contextmanager
    def running(cls, name: str) -> Iterator[Self]:
        with (server := cls(name)).serving():
            yield server

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Serve for as long as the block lasts."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            self.release.set()
            self.shutdown()
            thread.join()
            self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Named(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together
    server: NamedUpstream

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.server.asked.set()
            self.server.release.wait(HELD_S)
        self.send_response(self.server.health if self.path == "/health" else 200)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_: Any) -> None:
        pass


class Server:
    """A `strangler serve`, ready."""

    def __init__(self, process: Process, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.file = folder / "routes.yaml"
        self._forgotten = 0
        process.wait_for_output('"event": "ready"')
        ready = self.log("ready")[0]
        self.public, self.console = (int(ready[name][0].rpartition(":")[2]) for name in ("public", "console"))

    def log(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.process.output[self._forgotten :].splitlines() if line.endswith("}")]
        return [line for line in lines if line.get("event") == event]

    def forget_log(self) -> None:
        """Let `log` tell only what is written from now on."""
        self._forgotten = len(self.process.output)

    def wait_for_log(self, event: str, count: int = 1) -> None:
        self.process.wait_until(lambda: len(self.log(event)) >= count)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        self.process.wait_until(condition)

    @property
    def token(self) -> str:
        return (self.folder / ".strangler" / "token").read_text().strip()

    def readyz(self) -> Answer:
        return ask(self.console, "/readyz")

    def api(self, path: str, *, method: str = "GET", body: Mapping[str, Any] | None = None) -> Answer:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}"}
        return ask(self.console, f"/api/v1/{path}", method=method, headers=headers, body=content)

    def reload(self) -> Answer:
        """What it answers, once the workers that it calls late have taken the file, too."""
        answer = self.api("reload", method="POST")
        if answer.status == 200 and answer.json()["late"]:
            self.wait_until_taken()
        return answer

    def move(self, route: str, verb: str, **body: Any) -> Answer:
        """What it answers, once the workers that it calls late have taken the move, too."""
        answer = self.api(f"routes/{route}/{verb}", method="POST", body=body)
        if answer.status == 200 and any("not yet confirmed" in note for note in answer.json()["notes"]):
            self.wait_until_taken()
        return answer

    def workers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("status").json()["workers"]["connected"]
        return found

    def wait_until_taken(self) -> None:
        """Until every worker serves the file that the control process has read: one may be late."""
        self.wait_until(lambda: {each["revision"] for each in self.workers()} == {self.readyz().json()["revision"]})

    def control_pid(self) -> int:
        pid: int = self.api("status").json()["control"]["pid"]
        return pid

    def metric(self, name: str, **labels: str) -> float:
        """The sum over samples of that name that have those labels."""
        lines = ask(self.console, "/metrics").body.decode().splitlines()
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        samples = [line for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rpartition(" ")[2]) for line in samples if all(each in line for each in wanted))

    def cli(self, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return cli(self.folder, *arguments, environ=environ)


def cli(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`strangler` with those arguments, in a folder."""
    environment = {**os.environ, **(environ or {})}
    command = [*strangler(), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


@contextlib.contextmanager
def serving(folder: Path, text: str, *options: str, environ: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`strangler serve` in `folder` with a routes.yaml of that text; ended, in order or by force, afterwards."""
    (folder / "routes.yaml").write_text(text)
    process = Process.start([*strangler(), "serve", *options], log=folder / "log", env=environ, cwd=folder)
    try:
        yield Server(process, folder)
    finally:
        process.stop()


def routes_yaml(monolith: str, service: str, *, stage: str = "legacy", extra: str = "") -> str:
    """A file with one route, `cart`, at `stage`; ports are chosen by the system."""
    return f"""\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0, drain_timeout: 60s{extra} }}
upstreams:
  monolith: {{ url: "{monolith}", timeout: {{ response: 3m }} }}
  service: {{ url: "{service}" }}
defaults: {{ legacy: monolith }}
routes:
  - {{ name: cart, match: GET /cart, to: service, stage: {stage} }}
"""
