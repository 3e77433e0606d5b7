"""Hosts, ports, networks and URLs of routes.yaml. Written by hand rather than with urllib, which quietly drops tabs,
newlines and what it does not know; a URL with a user or a password in it is never quoted.
"""

import ipaddress
import re

from proxy.config.model import Address, Endpoint
from proxy.config.patterns import check_path
from proxy.config.refused import Refused
from proxy.config.values import text

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*):(?P<port>[0-9]{1,5})")
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<rest>.*)", re.DOTALL
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def host(given: str) -> str | None:
    """A host name or IP address in lower case, IPv6 without brackets; None if `given` is neither."""
    if given.startswith("[") and given.endswith("]"):
        return _ip(given[1:-1], 6)
    lower = given.lower()
    if re.fullmatch(r"[0-9.]+", lower):
        return _ip(lower, 4)
    return lower if _HOST_NAME.fullmatch(lower) else None


def _ip(given: str, version: int) -> str | None:
    try:
        address = ipaddress.ip_address(given)
    except ValueError:
        return None
    return None if address.version != version or "%" in given else str(address)


def address(value: object) -> Address:
    """Where to listen: host:port."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise Refused(value, "is not host:port", f'"127.0.0.1:{value}", or "0.0.0.0:{value}" for all interfaces')
    given = text(value)
    match = _HOST_AND_PORT.fullmatch(given)
    if not match:
        raise Refused(value, "is not host:port", "such as 127.0.0.1:8080 or [::1]:8080")
    where = host(match["host"])
    if where is None:
        hint = f"0.0.0.0:{match['port']} listens on all interfaces" if match["host"] in ("", "*") else None
        raise Refused(value, "does not begin with a host", hint)
    if int(match["port"]) > 65535:
        raise Refused(value, "has a port above 65535")
    return Address(where, int(match["port"]))


def network(value: object) -> str:
    """A network in CIDR form; a single address is its own network."""
    given = text(value)
    try:
        interface = ipaddress.ip_interface(given)
        network = interface.network
    except ValueError:
        raise Refused(value, "is not a network", "such as 127.0.0.1, 10.0.0.0/8 or fd00::/8") from None
    if interface.ip != network.network_address:
        raise Refused(value, "has bits set beyond its prefix", f"did you mean {network}?")
    return str(network)


def endpoint(value: object) -> Endpoint:
    """The URL of an upstream. What can carry a secret (user, password, query) is refused, and then not quoted."""
    given = text(value)
    if "@" in given:
        raise Refused(None, "this URL has a user, or an @, in it", "credentials do not belong in a URL: take them out")
    match = _URL.fullmatch(given)
    if not match:
        hint = f"did you mean http://{given}?" if value is given and host(given.partition(":")[0]) else None
        raise Refused(value, "is not a URL", hint or "such as http://127.0.0.1:8000")
    scheme = match["scheme"].lower()
    if scheme not in _DEFAULT_PORTS:
        hint = "WebSocket passes through http and https" if scheme in ("ws", "wss") else None
        raise Refused(value, "begins with neither http:// nor https://", hint)
    if match["rest"]:
        raise Refused(None, "an upstream's URL has no ? and no #", "the client's query is forwarded as it came")
    where, port = _authority(match["authority"], value, _DEFAULT_PORTS[scheme])
    return Endpoint(scheme, where, port, _prefix(match["path"]))


def http_url(value: object) -> str:
    """An address that is asked for as it stands, such as a hook's; as an upstream's URL."""
    return endpoint(value).url


def _authority(authority: str, value: object, default_port: int) -> tuple[str, int]:
    match = _HOST_AND_PORT.fullmatch(authority)
    where = host(match["host"] if match else authority)
    if where is None:
        raise Refused(value, "does not name a host and, if any, a port")
    port = int(match["port"]) if match else default_port
    if not 1 <= port <= 65535:
        raise Refused(value, "has a port that is not between 1 and 65535")
    return where, port


def _prefix(path: str) -> str:
    prefix = path.rstrip("/")
    if prefix:
        check_path(prefix)
    return prefix


def host_pattern(value: object) -> str:
    """The host of a match: exact, or *.example.com for every name below it. Lower case; IPv6 in brackets."""
    given = text(value).lower()
    if _HOST_AND_PORT.fullmatch(given):
        raise Refused(value, "has a port", "ports do not matter to a match: leave it out")
    name = given.removeprefix("*.")
    if not name.isascii():
        raise Refused(value, "is not ASCII", "write the name as it is sent: xn--…")
    where = host(name)
    if where is None or (name != given and not re.search("[a-z]", where)):
        raise Refused(value, "is not a host", "such as shop.example.com or *.example.com")
    return given if not name.startswith("[") else f"[{where}]"
