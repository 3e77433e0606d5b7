"""Binding the sockets of a server, and what is said when that fails."""

import socket

import pytest

from proxy.config.errors import ConfigError
from proxy.config.model import Address
from proxy.control.listeners import bound_address, is_loopback, listen


def test_a_chosen_port_is_the_same_on_every_address_of_the_host() -> None:
    sockets = listen(Address("localhost", 0), key="listen.public")
    try:
        assert len({bound_address(each).port for each in sockets}) == 1
        assert bound_address(sockets[0]).port > 0
    finally:
        for each in sockets:
            each.close()


def test_a_bound_socket_takes_connections_before_anyone_accepts() -> None:
    (listener,) = listen(Address("127.0.0.1", 0), key="listen.public")
    with listener, socket.create_connection(listener.getsockname(), timeout=1):
        pass


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    (holder,) = listen(Address("127.0.0.1", 0), key="listen.public")
    port = bound_address(holder).port
    with holder, pytest.raises(ConfigError) as refusal:
        listen(Address("127.0.0.1", port), key="listen.console")
    text = str(refusal.value)
    assert text.startswith(f"listen.console: cannot listen on 127.0.0.1:{port}: the port is in use (hint: ")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("host", "reason"),
    [("203.0.113.7", "no interface of this machine has that address"), ("no.such.host.invalid", "host is not known")],
)
def test_a_host_that_is_not_ours_is_named_with_the_reason(host: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        listen(Address(host, 0), key="listen.public")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_what_only_this_machine_reaches(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "console.example"])
def test_any_other_host_may_be_reached_from_elsewhere(host: str) -> None:
    assert not is_loopback(host)
