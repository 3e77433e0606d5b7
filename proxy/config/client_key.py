"""What tells one client from another, as routes.yaml says it: an address, or what a header or a cookie claims."""

from proxy.config.errors import did_you_mean
from proxy.config.http_fields import header_name
from proxy.config.policy import Key, KeyKind
from proxy.config.refused import Refused

_NAMED = (KeyKind.HEADER, KeyKind.COOKIE)
_WORKS = "ip, { header: X-Api-Key } and { cookie: session } work"


def client_key(value: object) -> Key:
    """ip, { header: X } or { cookie: X }."""
    if value == KeyKind.IP:
        return Key()
    if value == "user":
        raise Refused(value, "is not a key: the proxy does not know users yet", _WORKS)
    if isinstance(value, dict) and len(value) == 1:
        kind, name = next(iter(value.items()))
        if kind in _NAMED:
            given = header_name(name)
            return Key(KeyKind(kind), given.lower() if kind == KeyKind.HEADER else given)
        raise Refused(kind, "tells no clients apart", did_you_mean(kind, _NAMED) or _WORKS)
    if isinstance(value, dict):
        raise Refused(None, "a key is one header or one cookie", _WORKS)
    if value in _NAMED:
        raise Refused(value, "needs a name", f"write {{ {value}: NAME }}")
    raise Refused(value, "is not a key", _WORKS)
