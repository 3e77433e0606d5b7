"""Who a connection's client is, and what it may ask for."""

import pytest

from proxy.config.model import Listen
from proxy.forwarding.origin import Origin
from proxy.wire.request import RequestParser
from tests.support.fakes import World
from tests.support.routing import snapshot

NETWORKS = Listen(trusted_proxies=("10.0.0.0/8",), trusted_callers=("192.0.2.0/24", "10.0.0.9/32"))


def origin(peer, *lines):
    with World(snapshot(listen=NETWORKS)) as world:
        head = RequestParser().parse(b"\r\n".join((b"GET / HTTP/1.1", b"Host: a", *lines)))
        return Origin(world.forwarder.active, peer, "http"), head


@pytest.mark.parametrize(
    ("peer", "lines", "client", "may_steer"),
    [
        ("192.0.2.7", (), "192.0.2.7", True),
        ("198.51.100.1", (), "198.51.100.1", False),
        ("198.51.100.1", (b"X-Forwarded-For: 192.0.2.7",), "198.51.100.1", False),
        ("10.0.0.1", (b"X-Forwarded-For: 192.0.2.7",), "192.0.2.7", True),
        ("10.0.0.1", (b"X-Forwarded-For: 192.0.2.7", b"X-Forwarded-For: 198.51.100.1"), "198.51.100.1", False),
        ("10.0.0.1", (b"Forwarded: for=192.0.2.7", b"X-Real-IP: 192.0.2.7"), "10.0.0.1", False),
        ("10.0.0.1", (b"X_Forwarded_For: 192.0.2.7",), "10.0.0.1", False),
        ("10.0.0.9", (), "10.0.0.9", True),
    ],
)
def test_only_a_trusted_address_may_choose_a_side(peer, lines, client, may_steer):
    made, head = origin(peer, *lines)
    assert made.client(head) == client
    assert made.may_steer(head) is may_steer


def test_the_lines_for_an_upstream_follow_the_host_of_each_request():
    made, first = origin("198.51.100.1")
    _, second = origin("198.51.100.1", b"X-Forwarded-Host: forged")
    assert made.forwarding_lines(first) == made.forwarding_lines(second)
    assert b"forged" not in made.forwarding_lines(second)
    assert b"\r\nX-Forwarded-For: 198.51.100.1\r\n" in made.forwarding_lines(first)


@pytest.mark.parametrize(
    ("peer", "lines", "secure"),
    [
        ("192.0.2.7", (), False),
        ("192.0.2.7", (b"X-Forwarded-Proto: https",), False),
        ("10.0.0.1", (), False),
        ("10.0.0.1", (b"X-Forwarded-Proto: https",), True),
    ],
)
def test_only_a_trusted_peer_is_believed_that_its_client_speaks_tls(peer, lines, secure):
    made, head = origin(peer, *lines)
    assert made.is_secure(head) is secure


def test_a_client_that_speaks_tls_to_us_is_secure():
    with World(snapshot(listen=NETWORKS)) as world:
        head = RequestParser().parse(b"GET / HTTP/1.1\r\nHost: a")
        assert Origin(world.forwarder.active, "192.0.2.7", "https").is_secure(head)
