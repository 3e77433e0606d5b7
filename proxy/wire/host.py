"""The Host field (RFC 9112 section 3.2, RFC 3986 section 3.2)."""

import re

from proxy.wire.refusal import bad_head

_HOST = re.compile(rb"([A-Za-z0-9\-._~!$&'()*+,;=%]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")


def parse_host(value: bytes) -> str:
    """The host of a Host field: lower case, port cut off. Raises Refusal (RFC 9112 section 3.2)."""
    match = _HOST.fullmatch(value)
    if match is None or (match.group(2) and int(match.group(2)) > 65535):
        raise bad_head("the Host field is malformed")
    return match.group(1).decode("ascii").lower()
