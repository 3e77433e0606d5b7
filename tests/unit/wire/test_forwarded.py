"""Who the client is, and what upstreams are told of it (RFC 7239 section 5.2 and the fields before it)."""

import pytest

from proxy.wire.fields import Field
from proxy.wire.forwarded import (
    Networks,
    default_port,
    extend_forwarding,
    forwarded_for,
    forwarded_scheme,
    replace_forwarding,
    resolve_client,
)

TRUSTED = Networks(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize("address", ["10.0.0.1", "10.255.255.255", "fd00::1", "::ffff:10.1.2.3", "fd00::1%eth0"])
def test_an_address_inside_is_found(address):
    assert address in TRUSTED


@pytest.mark.parametrize("address", ["11.0.0.1", "9.255.255.255", "fe80::1", "::ffff:11.0.0.1", "", "unix", "10.0.0"])
def test_an_address_outside_or_none_at_all_is_not(address):
    assert address not in TRUSTED


def test_no_networks_hold_nothing():
    assert not Networks([])
    assert TRUSTED
    assert "10.0.0.1" not in Networks([])


def test_a_network_may_be_written_with_host_bits():
    assert "192.0.2.200" in Networks(["192.0.2.7/24"])


@pytest.mark.parametrize(
    ("peer", "chain", "client"),
    [
        ("192.0.2.1", "10.0.0.1, 198.51.100.9", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "203.0.113.5, 198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "203.0.113.5, 198.51.100.9, 10.0.0.2", "198.51.100.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "203.0.113.5,nonsense", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.5, ", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.5, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.9:4711", "198.51.100.9"),
        ("10.0.0.1", '"[2001:db8::7]:4711"', "2001:db8::7"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("fd00::2", "::ffff:198.51.100.9", "198.51.100.9"),
    ],
)
def test_the_client_is_the_rightmost_address_that_no_trusted_proxy_has(peer, chain, client):
    assert resolve_client(peer, chain, TRUSTED) == client


@pytest.mark.parametrize(
    ("host", "scheme", "port"),
    [
        (b"shop.example", "http", b"80"),
        (b"shop.example", "https", b"443"),
        (b"shop.example:8443", "https", b"8443"),
        (b"[2001:db8::1]", "http", b"80"),
        (b"[2001:db8::1]:81", "http", b"81"),
        (b"", "https", b"443"),
        (b"shop.example:", "http", b"80"),
    ],
)
def test_the_port_is_what_host_or_scheme_say(host, scheme, port):
    assert default_port(host, scheme) == port


def test_of_an_untrusted_peer_only_what_we_saw_is_told():
    assert replace_forwarding("192.0.2.1", "https", b"Shop.example:8443") == (
        b"\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https"
        b"\r\nX-Forwarded-Host: Shop.example:8443\r\nX-Forwarded-Port: 8443"
    )


def test_without_a_host_none_is_told():
    assert replace_forwarding("192.0.2.1", "http", b"") == (
        b"\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80"
    )


def noted(*lines):
    fields = []
    for line in lines:
        name, _, value = line.partition(b": ")
        fields.append((Field(name.lower().decode(), value), line))
    return tuple(fields)


def test_what_a_trusted_peer_says_is_extended_with_the_peer():
    sent = noted(b"X-Forwarded-For: 198.51.100.9", b"X-Forwarded-For: 10.0.0.2", b"X-Forwarded-Proto: https")
    assert forwarded_for(sent) == "198.51.100.9, 10.0.0.2"
    assert extend_forwarding(sent, "10.0.0.1", "http", b"shop.example") == (
        b"\r\nX-Forwarded-For: 198.51.100.9, 10.0.0.2, 10.0.0.1\r\nX-Forwarded-Proto: https"
        b"\r\nX-Forwarded-Host: shop.example"
    )


def test_what_a_trusted_peer_leaves_unsaid_is_filled_in():
    assert extend_forwarding((), "10.0.0.1", "http", b"a:81") == (
        b"\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a:81\r\nX-Forwarded-Port: 81"
    )


def test_everything_a_trusted_peer_says_is_kept_as_it_wrote_it():
    sent = noted(
        b"Forwarded: for=198.51.100.9;proto=https", b"X-Real-IP: 198.51.100.9", b"x-forwarded-host: outer.example",
        b"X-Forwarded-Port: 8443",
    )  # fmt: skip
    assert extend_forwarding(sent, "10.0.0.1", "https", b"inner") == (
        b"\r\nX-Forwarded-For: 10.0.0.1\r\nForwarded: for=198.51.100.9;proto=https\r\nX-Real-IP: 198.51.100.9"
        b"\r\nx-forwarded-host: outer.example\r\nX-Forwarded-Port: 8443\r\nX-Forwarded-Proto: https"
    )


@pytest.mark.parametrize(
    ("lines", "scheme"),
    [
        ((), "http"),
        (((b"X-Forwarded-For", b"192.0.2.7"),), "http"),
        (((b"X-Forwarded-Proto", b"https"),), "https"),
        (((b"X-Forwarded-Proto", b"HTTPS, http"),), "https"),
        (((b"X-Forwarded-Proto", b"http"), (b"X-Forwarded-Proto", b"https")), "http"),
    ],
)
def test_the_scheme_is_the_first_one_that_a_trusted_peer_says(lines, scheme):
    fields = [(Field(name.decode().lower(), value), name + b": " + value) for name, value in lines]
    assert forwarded_scheme(fields, "http") == scheme
