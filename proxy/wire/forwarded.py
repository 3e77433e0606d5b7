"""Who the client is, and what upstreams are told of it.

From a peer that is no trusted proxy every forwarding field is replaced by ours; from one that is, its word is
extended (X-Forwarded-For) or kept (the others). RFC 7239 `Forwarded` passes from trusted peers and is never made.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from proxy.wire.fields import Field

Network = IPv4Network | IPv6Network
Origin = IPv4Address | IPv6Address


class Networks:
    """A set of networks. IPv4 addresses in IPv6 form count as IPv4."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: tuple[Network, ...] = tuple(ip_network(text, strict=False) for text in networks)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        if not self._networks:
            return False
        origin = _parse_address(address)
        return origin is not None and any(origin in network for network in self._networks)


def _parse_address(text: str) -> Origin | None:
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]  # some proxies write host:port
    try:
        origin = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return origin.ipv4_mapped or origin if isinstance(origin, IPv6Address) else origin


def resolve_client(peer: str, forwarded_for: str, trusted: Networks) -> str:
    """The client's address: the rightmost one that no trusted proxy vouches for only as its peer.

    `forwarded_for` is what a trusted peer sent, the values of repeated fields joined by commas.
    """
    client = peer
    for part in reversed(forwarded_for.split(",")):
        if client not in trusted:
            break
        origin = _parse_address(part)
        if origin is None:
            break
        client = str(origin)
    return client


def default_port(host_value: bytes, scheme: str) -> bytes:
    """The port the client used, as far as Host says it."""
    _, colon, port = host_value.rpartition(b":")
    if colon and port.isdigit():
        return port
    return b"443" if scheme == "https" else b"80"


def replace_forwarding(peer: str, scheme: str, host_value: bytes) -> bytes:
    """The field lines told to an upstream about an untrusted peer, each with a leading CRLF."""
    lines = b"\r\nX-Forwarded-For: %b\r\nX-Forwarded-Proto: %b" % (peer.encode("ascii"), scheme.encode("ascii"))
    if host_value:
        lines += b"\r\nX-Forwarded-Host: " + host_value
    return lines + b"\r\nX-Forwarded-Port: " + default_port(host_value, scheme)


def forwarded_for(noted: Sequence[tuple[Field, bytes]]) -> str:
    """The values of all X-Forwarded-For fields, joined."""
    return ", ".join(field.value.decode("latin-1") for field, _ in noted if field.name == "x-forwarded-for")


def forwarded_scheme(noted: Sequence[tuple[Field, bytes]], scheme: str) -> str:
    """The scheme that the client used, as a trusted peer says it; `scheme` where it does not."""
    said = [field.value for field, _ in noted if field.name == "x-forwarded-proto"]
    return said[0].partition(b",")[0].strip().lower().decode("latin-1") if said else scheme


def extend_forwarding(noted: Sequence[tuple[Field, bytes]], peer: str, scheme: str, host_value: bytes) -> bytes:
    """The field lines told to an upstream about a client behind a trusted peer, each with a leading CRLF."""
    chain = forwarded_for(noted)
    lines = [b"X-Forwarded-For: " + (f"{chain}, {peer}" if chain else peer).encode("latin-1")]
    lines += [line for field, line in noted if field.name != "x-forwarded-for"]
    names = {field.name for field, _ in noted}
    if "x-forwarded-proto" not in names:
        lines.append(b"X-Forwarded-Proto: " + scheme.encode("ascii"))
    if host_value and "x-forwarded-host" not in names:
        lines.append(b"X-Forwarded-Host: " + host_value)
    if "x-forwarded-port" not in names and "x-forwarded-proto" not in names:
        lines.append(b"X-Forwarded-Port: " + default_port(host_value, scheme))
    return b"".join(b"\r\n" + line for line in lines)
