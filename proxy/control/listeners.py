"""Binds the sockets that outlive every process that serves them.

They are bound once, by the supervisor, and inherited: a restarted worker, or a restarted control process, takes over a
port that never closed.
"""

import errno
import ipaddress
import os
import socket

from proxy.config.errors import ConfigError, Problem
from proxy.config.model import Address

BACKLOG = 2048


def listen(address: Address, *, key: str) -> list[socket.socket]:
    """Sockets that listen on every address the host stands for; at least one. Raises `ConfigError`.

    `key` is the name of the setting; the problem says what cannot be bound, why, and what to do.
    """
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except (socket.gaierror, UnicodeError) as error:
        raise _refusal(key, address, "the host is not known", "use an IP address of this machine") from error
    places = dict.fromkeys((family, place) for family, _, _, _, place in found)
    sockets: list[socket.socket] = []
    for family, place in places:
        # Port 0 must become the same port on every address of the host.
        port = sockets[0].getsockname()[1] if sockets else address.port
        try:
            sockets.append(_bind(family, (place[0], port, *place[2:]), alone=len(places) == 1))
        except OSError as error:
            if sockets and error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                continue  # localhost names ::1 on machines without IPv6
            for opened in sockets:
                opened.close()
            raise _refusal(key, address, *_explain(error, address)) from error
    return sockets


def bound_address(listener: socket.socket) -> Address:
    """Where a socket listens, with the port the system chose."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def is_loopback(host: str) -> bool:
    """Whether a listening host is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bind(family: int, place: tuple[object, ...], *, alone: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and not alone:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _refusal(key: str, address: Address, reason: str, hint: str | None) -> ConfigError:
    return ConfigError([Problem(None, f"{key}: cannot listen on {address}: {reason}", hint)])


def _explain(error: OSError, address: Address) -> tuple[str, str | None]:
    """What happened, and what can be done about it."""
    match error.errno:
        case errno.EADDRINUSE:
            return "the port is in use", f"see by whom with: ss -ltnp 'sport = :{address.port}', or choose another"
        case errno.EACCES | errno.EPERM:
            return "permission denied", "a port below 1024 needs CAP_NET_BIND_SERVICE: grant it, or choose a higher one"
        case errno.EADDRNOTAVAIL:
            return "no interface of this machine has that address", "see which have: ip addr; 0.0.0.0 stands for all"
        case _:
            return os.strerror(error.errno) if error.errno else str(error), None
