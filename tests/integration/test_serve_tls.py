"""Certificates of the public listener, and their renewal under a running server."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import common_name, write_certificate
from tests.support.processes import PATIENCE_S
from tests.support.server import NamedUpstream, Server, routes_yaml, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    write_certificate("first", folder / "public.pem", folder / "public.key")
    with NamedUpstream.running("monolith") as upstream:
        text = routes_yaml(upstream.url, upstream.url, extra=", tls: { certificate: public.pem, key: public.key }")
        with serving(folder, text, "--workers", "2") as server:
            yield server


def shown(server: Server) -> str:
    """The name in the certificate that a new connection is shown."""
    return common_name(ssl.get_server_certificate(("127.0.0.1", server.public), timeout=PATIENCE_S))


def test_a_renewed_certificate_is_shown_to_new_connections(server: Server, folder: Path) -> None:
    before = shown(server)
    write_certificate(f"{before}, renewed", folder / "public.pem", folder / "public.key")
    server.wait_until(lambda: shown(server) == f"{before}, renewed")  # noticed without being told
    assert server.reload().json()["changed"] is False
    assert {shown(server) for _ in range(8)} == {f"{before}, renewed"}


def test_a_key_that_does_not_fit_is_refused_and_the_certificate_in_use_stays(server: Server, folder: Path) -> None:
    before = shown(server)
    write_certificate("other", folder / "other.pem", folder / "public.key")
    refused = server.reload()
    assert refused.status == 422
    assert "public.pem" in refused.json()["problems"][0]
    assert {shown(server) for _ in range(8)} == {before}
    ready = server.readyz()
    assert ready.status == 200
    assert "public.pem" in ready.json()["config_error"]
    write_certificate("repaired", folder / "public.pem", folder / "public.key")
    server.wait_until(lambda: server.readyz().json()["config_error"] is None)
    assert shown(server) == "repaired"
