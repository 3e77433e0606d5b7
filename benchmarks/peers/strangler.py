"""This project's proxy, twice: the engine as `strangler serve` runs it, and the ASGI application under plain uvicorn.

Its route table is what a migration grows to: exact paths, templates and prefixes, of which the measured requests match
two. Metrics, trace ids and forwarding headers are on, since they cannot be turned off.
"""

import json
import sys
from pathlib import Path
from typing import Any

import proxy
from benchmarks.peer import Launch, Peer, Setup, missing_program, required
from benchmarks.peers.python import uvicorn
from benchmarks.processes import free_port

PATTERNS = ("/api/area{n}/**", "/api/area{n}/{{id}}", "/pages/area{n}", "/shop/area{n}/{{id}}/lines/{{line}}")

SYNC = {"path": "/internal/sync", "token": "of-a-benchmark"}
GUARDS: dict[str, Any] = {"breaker": {}, "bulkhead": {"max_in_flight": 200, "queue": 400}, "retry": {"attempts": 2}}


def configuration(setup: Setup) -> dict[str, Any]:
    """A routes.yaml (JSON is YAML) with `setup.routes` routes."""
    upstream: dict[str, Any] = {"url": f"http://{setup.upstream}"}
    if setup.guarded:
        _, port = setup.upstream.rsplit(":", 1)
        upstream = {"targets": [f"http://127.0.0.1:{port}", f"http://127.0.0.2:{port}"], **GUARDS, "sync": SYNC}
    return {
        "version": 1,
        "listen": {"public": f"127.0.0.1:{setup.port}", "console": f"127.0.0.1:{free_port()}"},
        "upstreams": {"monolith": upstream, "products": upstream, "orders": upstream},
        "defaults": {"legacy": "monolith"},
        "log": {"access": "on" if setup.access_log else "off"},
        "routes": [moving(route, setup) for route in routes(setup.routes)],
    }


def moving(route: dict[str, Any], setup: Setup) -> dict[str, Any]:
    """The route on its way, where the set-up says so: one of ten at canary, and the one that writes."""
    name = route["name"]
    if setup.canary and name == "products":
        return {**route, "stage": "canary", "canary": {"weight": "50%"}, "shadow": {"sample": "0.01%"}}
    if setup.guarded and name.endswith("0"):
        return {**route, "stage": "canary", "canary": {"weight": "25%"}, "group": "catalogue"}
    if setup.guarded and name == "orders":
        return {**route, "writes": {"entities": ["order"]}, "group": "catalogue"}
    return route


def routes(count: int) -> list[dict[str, Any]]:
    """`count` routes at cutover. The first two are those that the measured requests take."""
    measured = [
        {"name": "products", "match": {"path": "/api/products/**"}, "to": "products", "stage": "cutover"},
        {
            "name": "orders",
            "match": {"path": "/api/orders"},
            "to": "orders",
            "stage": "cutover",
            "limits": {"body": "2GiB"},
        },
    ]
    others = (
        {
            "name": f"area-{n}",
            "match": {"path": PATTERNS[n % len(PATTERNS)].format(n=n)},
            "to": ("products", "orders")[n % 2],
            "stage": "cutover",
        }
        for n in range(max(0, count - len(measured)))
    )
    return [*measured[:count], *others]


def write_configuration(setup: Setup) -> Path:
    conf = setup.folder / "routes.yaml"
    conf.write_text(json.dumps(configuration(setup), indent=2))
    return conf


def launch_engine(setup: Setup) -> Launch:
    return Launch([required("strangler"), "serve", "--config", write_configuration(setup), "--workers", "1"])


def launch_asgi(setup: Setup) -> Launch:
    return uvicorn("strangler_asgi", setup, {"BENCH_CONFIG": str(write_configuration(setup))})


def version() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{proxy.__version__}, CPython {python}"


ENGINE = Peer(
    "engine", "**strangler serve**", missing_program("strangler", "pip install --editable ."), version, launch_engine
)
ASGI = Peer("asgi", "**strangler, ASGI app under uvicorn**", lambda: None, version, launch_asgi)
