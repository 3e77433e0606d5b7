"""What the processes of one server say to each other, over Unix sockets: length-prefixed JSON objects.

A frame is four bytes of length, big-endian, and that many bytes of JSON with a `type`. Where bodies come along, which
would be dear to write as JSON, the frame is a zero byte, the length of the JSON in four more, the JSON with the
`sizes` of the bodies, and these. This module decides the framing and the limits, not the meaning. It must never buffer
without bound: a frame above `MAX_FRAME_BYTES`, and a peer that does not read, end the connection; one that ended is
made again and starts with everything that counts.
"""

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

PROTOCOL_VERSION = 1
MAX_FRAME_BYTES = 64 * 1024 * 1024  # the snapshot of the largest file accepted is about a sixth of it
MAX_UNSENT_BYTES = 2 * MAX_FRAME_BYTES  # two snapshots: the one a worker is reading, and the next
CLOSE_SECONDS = 1.0
THREAD_BYTES = 256 * 1024  # below it, handing the work to a thread costs more than doing it

Message = dict[str, Any]
_LENGTH = struct.Struct(">I")
WITH_BODIES = b"\0"


class LinkError(ConnectionError):
    """The peer does not speak this protocol, or does not listen."""


def encode(message: Message, bodies: Sequence[bytes] = ()) -> bytes:
    """A frame. Raises `LinkError` when it would be larger than the peer accepts."""
    if bodies:
        message = {**message, "sizes": [len(each) for each in bodies]}
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    if bodies:
        body = b"".join((WITH_BODIES, _LENGTH.pack(len(body)), body, *bodies))
    if len(body) > MAX_FRAME_BYTES:
        raise LinkError(f"a frame of {len(body)} bytes is above the limit of {MAX_FRAME_BYTES}")
    return _LENGTH.pack(len(body)) + body


def decode(body: bytes) -> Message:
    """The message of a frame's body, with the `bodies` that came along.

    Raises `LinkError` unless it is a JSON object with a `type`.
    """
    if body[:1] == WITH_BODIES:
        return _decode_with_bodies(body)
    try:
        message = json.loads(body)
    except ValueError as error:
        raise LinkError("a frame is not JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise LinkError("a frame is not an object with a type")
    return message


def _decode_with_bodies(frame: bytes) -> Message:
    try:
        (length,) = _LENGTH.unpack_from(frame, 1)
        at = 1 + _LENGTH.size + length
        message = decode(frame[1 + _LENGTH.size : at])
        bodies = []
        for size in message["sizes"]:
            bodies.append(frame[at : at + size])
            at += size
    except (struct.error, KeyError, TypeError) as error:
        raise LinkError("a frame's bodies are not where it says") from error
    if at != len(frame):
        raise LinkError("a frame's bodies are not as long as it says")
    return {**message, "bodies": bodies}


class Decoder:
    """Cuts a byte stream into messages, for the side that has no event loop."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that `data` completes. Raises `LinkError`; the stream is lost then."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            end = _LENGTH.size + _checked_length(bytes(self._buffer[: _LENGTH.size]))
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield decode(body)


def _checked_length(prefix: bytes) -> int:
    (length,) = _LENGTH.unpack(prefix)
    if length > MAX_FRAME_BYTES:
        raise LinkError(f"a frame of {length} bytes is above the limit of {MAX_FRAME_BYTES}")
    return int(length)


class Link:
    """One end of a connection in an event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def messages(self) -> AsyncIterator[Message]:
        """Messages until the peer closes. Raises `LinkError` or `OSError`."""
        while True:
            try:
                length = _checked_length(await self._reader.readexactly(_LENGTH.size))
                body = await self._reader.readexactly(length)
            except asyncio.IncompleteReadError:
                return
            yield decode(body) if length < THREAD_BYTES else await asyncio.to_thread(decode, body)

    @property
    def unsent_bytes(self) -> int:
        return self._writer.transport.get_write_buffer_size()

    def send(self, message: Message, bodies: Sequence[bytes] = ()) -> None:
        """Hand a message over without waiting. Raises `LinkError` when the peer has stopped reading."""
        if self._writer.is_closing():
            raise LinkError("the connection is closed")
        if self.unsent_bytes > MAX_UNSENT_BYTES:
            self.abort()
            raise LinkError("the peer does not read")
        self._writer.write(encode(message, bodies))

    async def close(self) -> None:
        """Close after what was handed over has been sent, or at once if the peer does not take it."""
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._writer.wait_closed()
        self.abort()

    def abort(self) -> None:
        self._writer.transport.abort()


async def connect(path: str) -> Link:
    """Connect to the control process. Raises `OSError`."""
    return Link(*await asyncio.open_unix_connection(path))
