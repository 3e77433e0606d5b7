"""Which fields of the client's request the parts of a composed answer are sent: who asks, and in which language.

Whatever makes an answer depend on the client's own caches or ranges (conditions, Range) stays behind, and so does
Accept-Encoding: the parts must come as plain JSON.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from proxy.wire.fields import split_line

if TYPE_CHECKING:
    from proxy.forwarding.exchange import Exchange

FORWARDED: Final = frozenset({b"authorization", b"cookie", b"accept-language", b"baggage"})

OWN: Final = ((b"accept", b"application/json"), (b"accept-encoding", b"identity"))


def part_fields(exchange: "Exchange") -> tuple[tuple[bytes, bytes], ...]:
    """The same for every part. Forwarding fields are what the client sent: the upstream is told by the same rules
    as for any request whom they are believed from."""
    return tuple(_fields(exchange))


def _fields(exchange: "Exchange") -> Iterator[tuple[bytes, bytes]]:
    head = exchange.head
    if head.fields.host_value:
        yield b"host", head.fields.host_value
    yield from OWN
    for name, value in map(split_line, head.fields.lines):
        if name in FORWARDED:
            yield name, value
    yield b"x-request-id", exchange.request_id
    yield from (split_line(line) for line in exchange.trace.split(b"\r\n") if line)
    yield from ((field.name.encode("ascii"), field.value) for field, _ in head.extras.forwarding)
