"""Endpoints that are discovered and probed while a server of real processes runs."""

import asyncio
import os
import signal
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from proxy import create_app
from tests.support.certificates import write_certificate
from tests.support.dns_server import DnsServer
from tests.support.processes import PATIENCE_S, free_port
from tests.support.server import NamedUpstream, Server, ask, serving


def file_of(monolith: str, service: str) -> str:
    """A routes.yaml whose one service has these settings; `/cart` goes to it."""
    return f"""\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0, drain_timeout: 10s }}
upstreams:
  monolith: {{ url: "{monolith}" }}
  service: {{ {service} }}
defaults: {{ legacy: monolith }}
routes:
  - {{ name: cart, match: GET /cart, to: service, stage: cutover }}
"""


@contextmanager
def upstreams(*names: str) -> Iterator[list[NamedUpstream]]:
    with ExitStack() as stack:
        yield [stack.enter_context(NamedUpstream.running(name)) for name in names]


def port_of(upstream: NamedUpstream) -> int:
    return int(upstream.server_address[1])


def answers(server: Server, count: int = 30) -> set[str]:
    """Who answers /cart: names of upstreams, or statuses."""
    found = [ask(server.public, "/cart") for _ in range(count)]
    return {answer.body.decode() if answer.status == 200 else str(answer.status) for answer in found}


def service_of(server: Server) -> dict[str, object]:
    found = server.api("upstreams").json()["upstreams"]
    (service,) = (each for each in found if each["name"] == "service")
    return dict(service)


@pytest.fixture
def names() -> Iterator[DnsServer]:
    with DnsServer.running() as server:
        yield server


def records(*sides: NamedUpstream) -> list[str]:
    return [f"1 0 {port_of(side)} here.test." for side in sides]


ALONG = [("here.test", "A", 1, "127.0.0.1")]
NAME = "_http._tcp.service.test"


def test_endpoints_in_dns_are_followed_and_kept_while_it_is_away(tmp_path: Path, names: DnsServer) -> None:
    ttl = 1
    with upstreams("monolith", "one", "two") as (monolith, one, two):
        names.answer(NAME, "SRV", *records(one), ttl=ttl, along=ALONG)
        settings = f'discover: {{ url: "srv://{NAME}", resolver: "127.0.0.1:{names.port}" }}'
        with serving(tmp_path, file_of(monolith.url, settings), "--workers", "2") as server:
            server.wait_until(lambda: answers(server) == {"one"})

            names.answer(NAME, "SRV", *records(one, two), ttl=ttl, along=ALONG)
            changed = time.monotonic()
            server.wait_until(lambda: answers(server) == {"one", "two"})
            took = time.monotonic() - changed
            print(f"followed after {took:.2f} s")
            assert took < 30, "a second after its TTL, and what a busy machine needs"

            server.wait_until(lambda: server.metric("strangler_discovery_successful", upstream="service") == 1)
            server.forget_log()
            names.silent = True
            asked = names.asked[NAME, "SRV"]
            server.wait_for_log("discovery_failed")
            assert names.asked[NAME, "SRV"] > asked
            assert answers(server) == {"one", "two"}
            assert server.metric("strangler_discovery_successful", upstream="service") == 0

            names.silent = False
            names.answer(NAME, "SRV", *records(two), ttl=ttl, along=ALONG)
            server.wait_for_log("discovery_recovered")
            server.wait_until(lambda: answers(server) == {"two"})


def test_nothing_found_is_503_and_what_was_found_serves_the_next_start_without_dns(
    tmp_path: Path, names: DnsServer
) -> None:
    with upstreams("monolith", "one") as (monolith, one):
        settings = f'discover: {{ url: "srv://{NAME}", resolver: "127.0.0.1:{names.port}" }}'
        with serving(tmp_path, file_of(monolith.url, settings)) as server:
            refused = ask(server.public, "/cart")
            assert (refused.status, refused.json()["type"]) == (503, "urn:strangler:no_endpoint")
            names.answer(NAME, "SRV", *records(one), along=ALONG)
            server.wait_until(lambda: answers(server, 2) == {"one"})
            kept = tmp_path / ".strangler" / "endpoints.json"
            server.wait_until(lambda: kept.exists() and one.url in kept.read_text())
        names.silent = True
        with serving(tmp_path, file_of(monolith.url, settings)) as server:
            assert answers(server) == {"one"}


def test_a_file_of_endpoints_is_watched_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    listed = tmp_path / "endpoints.yaml"
    with upstreams("monolith", "one", "two") as (monolith, one, two):
        listed.write_text(f"- {one.url}\n")
        with serving(tmp_path, file_of(monolith.url, "discover: endpoints.yaml")) as server:
            server.wait_until(lambda: answers(server, 2) == {"one"})
            listed.write_text(f"- {two.url}\n")
            server.wait_until(lambda: answers(server, 2) == {"two"})
            listed.write_text("- nonsense\n")
            server.wait_for_log("discovery_failed")
            assert "endpoints.yaml:1:3" in server.log("discovery_failed")[0]["reason"]
            assert answers(server) == {"two"}


PROBED = "health: { path: /health, every: 100ms, timeout: 30s, rise: 2, fall: 2 }, eject: { max_share: 0% }"


@pytest.fixture
def probed(tmp_path: Path) -> Iterator[tuple[Server, NamedUpstream, NamedUpstream]]:
    """A server with two endpoints that it probes; /health of both is as `NamedUpstream.health` says."""
    with upstreams("monolith", "one", "two") as (monolith, one, two):
        settings = f'targets: ["{one.url}", "{two.url}"], {PROBED}'
        with serving(tmp_path, file_of(monolith.url, settings), "--workers", "2") as server:
            yield server, one, two


def test_an_endpoint_whose_health_fails_gets_no_requests_until_it_is_well(
    probed: tuple[Server, NamedUpstream, NamedUpstream],
) -> None:
    server, _, two = probed
    assert answers(server) == {"one", "two"}
    two.health = 503
    server.wait_for_log("endpoint_unhealthy")
    server.wait_until(lambda: answers(server) == {"one"})
    assert server.log("endpoint_unhealthy")[0]["reason"] == "status 503"
    assert server.metric("strangler_endpoints_unhealthy", upstream="service") == 1
    two.health = 200
    server.wait_for_log("endpoint_healthy")
    server.wait_until(lambda: answers(server) == {"one", "two"})


def test_a_verdict_stands_without_the_control_process_and_reaches_workers_that_join_later(
    probed: tuple[Server, NamedUpstream, NamedUpstream],
) -> None:
    server, _, two = probed
    two.health = 503
    server.wait_until(lambda: answers(server) == {"one"})
    control = server.control_pid()
    victim, other = (worker["pid"] for worker in server.workers())
    os.kill(control, signal.SIGSTOP)
    os.kill(victim, signal.SIGKILL)
    assert answers(server) == {"one"}
    os.kill(other, signal.SIGKILL)
    assert answers(server) == {"one"}
    server.forget_log()
    os.kill(control, signal.SIGKILL)
    server.wait_for_log("reload_unchanged")
    assert answers(server) == {"one"}
    server.wait_until(lambda: len(server.workers()) == 2)
    assert answers(server) == {"one"}
    assert server.log("endpoint_unhealthy") == []  # it knew, and had not to find out again


def test_another_file_takes_probes_and_verdicts_away(
    probed: tuple[Server, NamedUpstream, NamedUpstream],
) -> None:
    server, one, two = probed
    two.health = 503
    server.wait_until(lambda: answers(server) == {"one"})
    before = server.readyz().json()["revision"]
    server.file.write_text(server.file.read_text().replace(PROBED, "eject: { max_share: 0% }"))
    assert server.reload().json()["revision"] != before
    server.wait_until(lambda: answers(server) == {"one", "two"})
    assert one.health == 200


def test_the_application_discovers_and_probes_by_itself(tmp_path: Path) -> None:
    listed = tmp_path / "endpoints.yaml"
    with upstreams("monolith", "one") as (monolith, one):
        gone = f"http://127.0.0.1:{free_port()}"
        listed.write_text(f"- {gone}\n- {one.url}\n")
        file = tmp_path / "routes.yaml"
        file.write_text(file_of(monolith.url, f"discover: endpoints.yaml, {PROBED}"))

        async def story() -> None:
            app = create_app(file)
            try:
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
                    assert (await client.get("/cart")).status_code == 503
                    seen: list[str] = []
                    async with asyncio.timeout(PATIENCE_S):
                        while seen[-20:] != ["one"] * 20:
                            seen.append((await client.get("/cart")).text)
                            await asyncio.sleep(0.01)
            finally:
                await app.aclose()

        asyncio.run(story())


@pytest.mark.parametrize(("host", "said"), [("service.test", "one"), ("other.test", "502")])
def test_an_endpoint_found_by_name_must_hold_a_certificate_for_the_name(
    tmp_path: Path, names: DnsServer, host: str, said: str
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_certificate("service", certificate, key, host=host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    one = NamedUpstream("one")
    one.socket = context.wrap_socket(one.socket, server_side=True)
    names.answer("service.test", "A", "127.0.0.1")
    found = f'discover: {{ url: "dns://service.test:{port_of(one)}", resolver: "127.0.0.1:{names.port}" }}'
    file = tmp_path / "routes.yaml"
    file.write_text(file_of("http://127.0.0.1:9", f"{found}, tls: {{ ca: certificate.pem }}"))

    async def story() -> None:
        app = create_app(file)
        try:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
                async with asyncio.timeout(PATIENCE_S):
                    while (answer := await client.get("/cart")).status_code == 503:  # noqa: ASYNC110 - nobody tells
                        await asyncio.sleep(0.01)
                assert (answer.text if answer.is_success else str(answer.status_code)) == said
        finally:
            await app.aclose()

    with one.serving():
        asyncio.run(story())
