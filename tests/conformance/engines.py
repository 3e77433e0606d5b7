"""How the gateway under test is started: our protocol engine, our ASGI app, or a peer that the suite is checked on.

Every engine offers the same routes to the same scripted upstream, so that a case never asks which one it runs on.
"""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.case import Engine
from tests.support.processes import free_port, running, strangler

ENGINES = ("protocol", "asgi")
PEERS = ("nginx", "haproxy")

BODY_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Backends:
    """Ports that the routes lead to: the scripted upstream, one where nobody listens, one that never accepts."""

    scripted: int
    refusing: int
    unreachable: int


ROUTES = """\
version: 1
listen:
  public: 127.0.0.1:{public}
  console: 127.0.0.1:{console}
  limits: {{
    head: 32KiB, body: 1MiB, head_timeout: {patience.head}s, idle_timeout: {patience.idle}s,
    connections: {connections},
  }}
{listen}
upstreams:
  scripted: {{ url: "http://127.0.0.1:{scripted}" }}
  hasty:
    url: "http://127.0.0.1:{scripted}"
    timeout: {{ connect: 500ms, response: 500ms, idle: 500ms }}
  refusing: {{ url: "http://127.0.0.1:{refusing}" }}
  unreachable: {{ url: "http://127.0.0.1:{unreachable}", timeout: {{ connect: 500ms }} }}
defaults: {{ legacy: scripted }}
log: {{ access: off }}
state: {state}
routes:
  - {{ name: hasty, match: {{ path: "/hasty/**" }}, to: hasty, stage: cutover }}
  - {{ name: refusing, match: {{ path: "/refusing/**" }}, to: refusing, stage: cutover }}
  - {{ name: unreachable, match: {{ path: "/unreachable/**" }}, to: unreachable, stage: cutover }}
  - {{ name: service, match: {{ path: "/service/**" }}, to: scripted, stage: cutover }}
  - {{ name: heavy, match: {{ path: "/heavy/**" }}, limits: {{ body: 1GiB }} }}
  - {{ name: named-upgrade, match: {{ path: "/named/**" }}, upgrades: [chat] }}
  - {{ name: gone, match: {{ path: "/gone/**" }}, stage: retired }}
"""

TRUST = """\
  trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]
  trusted_callers: [127.0.0.0/8]
  allow_encoded_slash: true
"""


DRAIN = "  drain_timeout: 8s"
LONG_DRAIN_TIMEOUT = 120.0
LONG_DRAIN = "  drain_timeout: 120s"
"""So long that a drain which ends by its limit cannot be mistaken for one that had nothing to wait for."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that the gateway gives a client for a head, and for anything else; peers have their own."""

    head: int = 120
    idle: int = 120


PATIENT = Patience()
SHORT_OF_HEADS = Patience(head=1)
SHORT_OF_SILENCE = Patience(idle=2)


def write_routes(
    folder: Path, public: int, backends: Backends, listen: str, connections: int, patience: Patience
) -> Path:
    """A routes.yaml with a route for each thing a case may need."""
    path = folder / "routes.yaml"
    path.write_text(
        ROUTES.format(
            public=public,
            console=free_port(),
            listen=listen,
            connections=connections,
            patience=patience,
            scripted=backends.scripted,
            refusing=backends.refusing,
            unreachable=backends.unreachable,
            state=folder / "state",
        )
    )
    return path


@contextlib.contextmanager
def started(
    name: str,
    folder: Path,
    backends: Backends,
    *,
    listen: str = "",
    connections: int = 20_000,
    patience: Patience = PATIENT,
) -> Iterator[Engine]:
    """The engine `name`, for as long as the block lasts; `listen`, `connections`, `patience` are settings of ours."""
    port = free_port()
    log = folder / f"{name}.log"
    match name:
        case "protocol":
            routes = write_routes(folder, port, backends, listen, connections, patience)
            with running([*strangler(), "serve", "--config", routes], port=port, log=log) as process:
                process.wait_for_output('"ready"')
                yield Engine(name, port, process=process)
        case "asgi":
            routes = write_routes(folder, port, backends, listen, connections, patience)
            command = [sys.executable, "-m", "tests.conformance.serve_asgi"]
            with running([*command, routes, str(port), str(patience.idle)], port=port, log=log):
                yield Engine(name, port, wire=False)
        case "nginx":
            path = folder / "nginx.conf"
            path.write_text(NGINX.format(port=port, folder=folder, pid=os.getpid(), b=backends))
            with running(["/usr/sbin/nginx", "-c", path, "-p", folder], port=port, log=log):
                yield Engine(name, port, ours=False)
        case "haproxy":
            path = folder / "haproxy.cfg"
            path.write_text(HAPROXY.format(port=port, b=backends))
            with running(["/usr/sbin/haproxy", "-db", "-f", path], port=port, log=log):
                yield Engine(name, port, ours=False)
        case _:
            raise ValueError(name)


@contextlib.contextmanager
def never_accepting() -> Iterator[int]:
    """A port whose connections stay half open: its queue is full, further SYNs are dropped."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port


NGINX = """\
daemon off; master_process off; error_log stderr error; pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 1m; client_header_timeout 1s; keepalive_timeout 1s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;
  proxy_set_header Host $host; proxy_set_header Connection $connection_upgrade; proxy_set_header Upgrade $http_upgrade;
  upstream scripted {{ server 127.0.0.1:{b.scripted}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://scripted; }}
    location /heavy/ {{ client_max_body_size 1g; proxy_pass http://scripted; }}
    location /hasty/ {{ proxy_read_timeout 500ms; proxy_connect_timeout 500ms; proxy_pass http://scripted; }}
    location /refusing/ {{ proxy_pass http://127.0.0.1:{b.refusing}; }}
    location /unreachable/ {{ proxy_connect_timeout 500ms; proxy_pass http://127.0.0.1:{b.unreachable}; }}
  }}
}}
"""

HAPROXY = """\
defaults
  mode http
  timeout connect 500ms
  timeout client 30s
  timeout server 30s
  timeout http-request 600ms
  timeout http-keep-alive 1200ms
  timeout tunnel 30s
  retries 1
frontend public
  bind 127.0.0.1:{port}
  use_backend hasty if {{ path_beg /hasty/ }}
  use_backend refusing if {{ path_beg /refusing/ }}
  use_backend unreachable if {{ path_beg /unreachable/ }}
  default_backend scripted
backend scripted
  server a 127.0.0.1:{b.scripted}
backend hasty
  timeout server 500ms
  server a 127.0.0.1:{b.scripted}
backend refusing
  server a 127.0.0.1:{b.refusing}
backend unreachable
  server a 127.0.0.1:{b.unreachable}
"""
