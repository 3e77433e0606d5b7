"""Where endpoints are found, and the file that lists them. Asks nobody: neither a name server nor the file system."""

import ipaddress
import re
from urllib.parse import unquote

from proxy.config.addresses import address, endpoint, host
from proxy.config.document import read_tree
from proxy.config.errors import ConfigError, Problem, did_you_mean
from proxy.config.model import MAX_ENDPOINTS, Address, Discover, DiscoverKind, Endpoint
from proxy.config.nodes import Document, Mapping, Node, Scalar, Sequence
from proxy.config.place import Place
from proxy.config.refused import Refused, shown
from proxy.config.substitution import Substitution
from proxy.config.values import text

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_FORMS = "srv://_http._tcp.NAME, dns://NAME:PORT, file:///PATH, or endpoints.yaml beside this file"
_FILE_NAME = re.compile(r".+\.ya?ml")
_KEY = "endpoints"


def discover(value: object) -> Discover:
    """A URL of one of the forms, or the path of a YAML file, which is relative until the file's folder is known."""
    given = text(value)
    if "@" in given:
        raise Refused(None, "this URL has a user, or an @, in it", "credentials do not belong in a URL: take them out")
    match = _URL.fullmatch(given)
    if not match:
        if not _FILE_NAME.fullmatch(given):
            raise Refused(value, "does not say where endpoints are found", _FORMS)
        return Discover(DiscoverKind.FILE, path=given)
    scheme, rest = match["scheme"].lower(), match["rest"]
    if scheme == DiscoverKind.FILE:
        return _file(rest, value)
    if scheme in ("http", "https"):
        raise Refused(value, "is an endpoint itself", "write it as url:, or as one of targets:")
    if scheme not in list(DiscoverKind):
        raise Refused(value, "does not say where endpoints are found", did_you_mean(scheme, DiscoverKind) or _FORMS)
    return _srv(rest, value) if scheme == DiscoverKind.SRV else _dns(rest, value)


def _file(rest: str, value: object) -> Discover:
    path = unquote(rest)
    if not rest.startswith("/"):
        raise Refused(value, "names a host", "file:/// has three slashes; a relative path is written without file:")
    if rest == "/" or not path.isprintable() or re.search("[?#]", rest):
        raise Refused(value, "is not the path of a file", "such as file:///etc/strangler/orders.yaml")
    return Discover(DiscoverKind.FILE, path=path)


def _srv(rest: str, value: object) -> Discover:
    if re.search(r":[0-9]+$", rest):
        raise Refused(value, "has a port: an SRV record brings its own", "dns:// looks up addresses for one port")
    return Discover(DiscoverKind.SRV, name=_name(rest, value, "such as srv://_http._tcp.orders.internal"))


def _dns(rest: str, value: object) -> Discover:
    name, colon, port = rest.rpartition(":")
    hint = "such as dns://orders.internal:8101"
    if not colon or not re.fullmatch("[0-9]{1,5}", port):
        raise Refused(value, "has no port", hint)
    if not 1 <= int(port) <= 65535:
        raise Refused(value, "has a port that is not between 1 and 65535")
    return Discover(DiscoverKind.DNS, name=_name(name, value, hint), port=int(port))


def _name(given: str, value: object, hint: str) -> str:
    name = host(given.removesuffix("."))
    if name is None:
        raise Refused(value, "does not name what to look up", hint)
    if _is_ip(name):
        raise Refused(value, "holds an address, and nothing to look up", "write url: http://…")
    return name


def resolver(value: object) -> Address:
    """The DNS server to ask: an IP address and a port."""
    given = address(value)
    if not _is_ip(given.host):
        raise Refused(value, "is not an address", "a DNS server is given by its IP address, such as 127.0.0.1:53")
    if given.port == 0:
        raise Refused(value, "has no port to ask", "DNS servers listen on 53")
    return given


def _is_ip(given: str) -> bool:
    try:
        ipaddress.ip_address(given)
    except ValueError:
        return False
    return True


def parse_endpoints(content: str | bytes, file: str) -> tuple[Endpoint, ...]:
    """The endpoints in the text of a file: a YAML list of URLs, or {endpoints: [...]}. `file` is its name in messages.

    Raises ConfigError with every problem. An empty list is one: a service that nobody serves is seldom meant.
    """
    document = read_tree(content, file, Substitution({}, _no_secrets))
    problems = list(document.problems)
    nodes = _entries(document, problems)
    found: dict[Endpoint, Place] = {}
    for node in nodes:
        try:
            one = endpoint(_plain_text(node))
        except Refused as refused:
            problems.append(Problem(node.place, refused.message, refused.hint))
            continue
        if one in found:
            problems.append(Problem(node.place, f"this endpoint is listed twice (first on line {found[one].line})"))
        found.setdefault(one, node.place)
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    return tuple(found)


def _entries(document: Document, problems: list[Problem]) -> list[Node]:
    root = document.root
    if isinstance(root, Mapping):
        unknown = (key for key in root.entries if key != _KEY)
        problems += [Problem(root.keys[key], f"unknown key {shown(key)}", f"keys here: {_KEY}") for key in unknown]
        root = root.entries.get(_KEY, root)
    if not isinstance(root, Sequence) or not root.items:
        problems.append(Problem(root.place, "a list with at least one URL is expected", "- http://10.0.0.7:8103"))
        return []
    if len(root.items) > MAX_ENDPOINTS:
        problems.append(Problem(root.place, f"{len(root.items):,} endpoints; at most {MAX_ENDPOINTS:,} are taken"))
        return []
    return root.items


def _plain_text(node: Node) -> object:
    if isinstance(node, Scalar):
        return node.value
    return [] if isinstance(node, Sequence) else {}


def _no_secrets(path: str) -> str:
    raise ValueError("a list of endpoints fills nothing in")
