"""WebSocket frames (RFC 6455 §5.2) for scripted peers: made and read byte by byte, masked where a client must."""

import base64
import hashlib
import os
import struct
from dataclasses import dataclass

from tests.support.messages import Wire

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, unmasked; `masked` tells how it travelled."""

    opcode: int
    payload: bytes
    final: bool = True
    masked: bool = False


def new_key() -> str:
    """A Sec-WebSocket-Key: 16 random bytes in base64."""
    return base64.b64encode(os.urandom(16)).decode()


def accept_key(key: str) -> str:
    """The Sec-WebSocket-Accept for a key (RFC 6455 §4.2.2)."""
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def encode(opcode: int, payload: bytes = b"", *, mask: bool = False, final: bool = True) -> bytes:
    """A frame's bytes."""
    size, flag = len(payload), 0x80 if mask else 0
    if size < 126:
        length = struct.pack("!B", flag | size)
    elif size < 1 << 16:
        length = struct.pack("!BH", flag | 126, size)
    else:
        length = struct.pack("!BQ", flag | 127, size)
    head = bytes([(0x80 if final else 0) | opcode]) + length
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + _masked(payload, key)


def encode_close(code: int, reason: bytes = b"", *, mask: bool = False) -> bytes:
    return encode(CLOSE, struct.pack("!H", code) + reason, mask=mask)


async def read_frame(wire: Wire) -> Frame:
    """The next frame. Raises `EndedError`."""
    first, second = await wire.read_exactly(2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", await wire.read_exactly(2))
    elif size == 127:
        (size,) = struct.unpack("!Q", await wire.read_exactly(8))
    masked = bool(second & 0x80)
    key = await wire.read_exactly(4) if masked else b""
    payload = await wire.read_exactly(size)
    return Frame(first & 0x0F, _masked(payload, key) if masked else payload, bool(first & 0x80), masked)


def _masked(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")
