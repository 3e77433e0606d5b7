"""HTTP/1.1 messages as bytes, read strictly: what a scripted peer believes, and what it calls a violation.

Whatever a gateway sends must be well formed, so the readers here accept only the canonical forms of RFC 9112
and raise `MalformedError` for everything a lenient parser would let pass. They never repair.
"""

import asyncio
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import Literal

End = Literal["", "eof", "reset", "timeout"]
"""How a read came to its end: not at all, closed in order, torn down, or nothing came in time."""

DEADLINE = 60.0
"""Seconds that one read may take; generous, because a passing case never waits for it."""

GOODBYE_SECONDS = 5.0
"""How long a closing connection may take to hand on what it still holds; then it is left alone."""

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-9][0-9]{2} [\t\x20-\x7e\x80-\xff]*")
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\x7e\x80-\xff]+ HTTP/1\.[01]")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})(;[\t\x20-\x7e\x80-\xff]*)?")


class MalformedError(Exception):
    """The peer sent bytes that RFC 9112 does not allow it to generate."""


class EndedError(Exception):
    """The connection ended, or stayed silent, before the bytes that were asked for."""

    def __init__(self, end: End) -> None:
        super().__init__(end)
        self.end: End = end


@dataclass(frozen=True, slots=True)
class Head:
    """A message head as it came: its exact bytes, its first line, its fields in order and in their own case."""

    raw: bytes
    first_line: str
    fields: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """Every value of a field, in order; bytes above 127 as Latin-1."""
        return [value for known, value in self.fields if known.lower() == name.lower()]

    def has(self, name: str) -> bool:
        return bool(self.values(name))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.fields]


@dataclass(frozen=True, slots=True)
class Framing:
    """How the body of a message is delimited (RFC 9112 §6.3); `length` is set for `length` only."""

    kind: Literal["none", "length", "chunked", "close"]
    length: int = 0


@dataclass(slots=True)
class Body:
    """What has been read of a body so far; `complete` says that its framing ended properly."""

    content: bytearray = field(default_factory=bytearray)
    chunks: list[int] = field(default_factory=list)
    extensions: list[bytes] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    complete: bool = False


def parse_head(raw: bytes) -> Head:
    """The head that ends with an empty line. Raises `MalformedError`."""
    if not raw.endswith(b"\r\n\r\n"):
        raise MalformedError(f"head without an end: {raw[-40:]!r}")
    first, *lines = raw[:-4].split(b"\r\n")
    if not (_STATUS_LINE.fullmatch(first) or _REQUEST_LINE.fullmatch(first)):
        raise MalformedError(f"first line {first!r}")
    head = Head(raw, first.decode("latin-1"), tuple(_field(line) for line in lines))
    if len({value.strip() for value in head.values("content-length")}) > 1 or len(head.values("content-length")) > 1:
        raise MalformedError(f"several Content-Length: {raw!r}")
    if head.has("content-length") and head.has("transfer-encoding"):
        raise MalformedError(f"Content-Length and Transfer-Encoding: {raw!r}")
    return head


def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    value = value.strip(b" \t")
    if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        raise MalformedError(f"field line {line!r}")
    return name.decode("latin-1"), value.decode("latin-1")


def declared_framing(head: Head, *, otherwise: Literal["none", "close"]) -> Framing:
    """What Content-Length or Transfer-Encoding say, or `otherwise` when neither is there. Raises `MalformedError`."""
    if codings := head.values("transfer-encoding"):
        if [coding.lower() for coding in codings] != ["chunked"]:
            raise MalformedError(f"transfer coding {codings}")
        return Framing("chunked")
    if lengths := head.values("content-length"):
        if not re.fullmatch("[0-9]+", lengths[0]):
            raise MalformedError(f"Content-Length {lengths[0]!r}")
        return Framing("length", int(lengths[0]))
    return Framing(otherwise)


class Wire:
    """One TCP connection as bytes. Every read is bounded by a deadline; all that came is kept in `transcript`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._pending = bytearray()
        self.transcript = bytearray()
        self.keeps_transcript = True  # off where a case streams more than it wants to hold

    @property
    def local_port(self) -> int:
        port: int = self._writer.get_extra_info("sockname")[1]
        return port

    @property
    def peer_port(self) -> int:
        port: int = self._writer.get_extra_info("peername")[1]
        return port

    @property
    def closing(self) -> bool:
        """Our side has closed or torn down the connection."""
        return self._writer.is_closing()

    @property
    def at_end(self) -> bool:
        """The peer has ended its side, and all it sent has been read."""
        return not self._pending and self._reader.at_eof()

    async def send(self, data: bytes) -> None:
        """Write and wait until the transport has taken it. Raises `EndedError` when the peer is gone."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (ConnectionError, OSError) as error:
            raise EndedError("reset") from error

    async def read_some(self, *, within: float = DEADLINE, most: int = 1 << 16) -> bytes:
        """Whatever is there, at least one byte; b"" at an orderly end. Raises `EndedError` on reset or silence."""
        if not self._pending:
            return await self._receive(within, most)
        taken = bytes(self._pending[:most])
        del self._pending[:most]
        return taken

    async def read_exactly(self, count: int) -> bytes:
        out = bytearray()
        while len(out) < count:
            piece = await self.read_some(most=min(count - len(out), 1 << 18))
            if not piece:
                raise EndedError("eof")
            out += piece
        return bytes(out)

    async def read_until(self, mark: bytes, *, at_most: int = 1 << 20, within: float = DEADLINE) -> bytes:
        """Up to and including `mark`; what follows, or what came before an end, stays for the next read."""
        searched = 0
        while (at := self._pending.find(mark, max(0, searched - len(mark)))) < 0:
            searched = len(self._pending)
            if searched > at_most:
                raise MalformedError(f"no {mark!r} within {at_most} bytes")
            piece = await self._receive(within, 1 << 16)
            if not piece:
                raise EndedError("eof")
            self._pending += piece
        taken = bytes(self._pending[: at + len(mark)])
        del self._pending[: at + len(mark)]
        return taken

    async def _receive(self, within: float, most: int) -> bytes:
        try:
            async with asyncio.timeout(within):
                data = await self._reader.read(most)
        except TimeoutError as error:
            raise EndedError("timeout") from error
        except (ConnectionError, OSError) as error:
            raise EndedError("reset") from error
        if self.keeps_transcript:
            self.transcript += data
        return data

    async def read_body(self, framing: Framing, into: Body) -> None:
        """Read a whole body; `into` fills as bytes come, so that a truncated one can be seen. Raises `EndedError`."""
        match framing.kind:
            case "length":
                while len(into.content) < framing.length:
                    await self._extend(into, framing.length - len(into.content))
            case "chunked":
                while await self.read_chunk(into):
                    pass
            case "close":
                while piece := await self.read_some():
                    into.content += piece
        into.complete = True

    async def read_chunk(self, into: Body) -> int:
        """Read one chunk, or the last one with its trailers; its size. Raises `EndedError`, `MalformedError`."""
        line = (await self.read_until(b"\r\n", at_most=8192))[:-2]
        matched = _CHUNK_SIZE.fullmatch(line)
        if not matched:
            raise MalformedError(f"chunk size line {line!r}")
        size = int(matched[1], 16)
        into.chunks.append(size)
        if matched[2]:
            into.extensions.append(matched[2])
        if size == 0:
            while (trailer := await self.read_until(b"\r\n", at_most=8192)) != b"\r\n":
                into.trailers.append(_field(trailer[:-2]))
            into.complete = True
            return 0
        goal = len(into.content) + size
        while len(into.content) < goal:
            await self._extend(into, goal - len(into.content))
        if await self.read_exactly(2) != b"\r\n":
            raise MalformedError("chunk data without its CRLF")
        return size

    async def _extend(self, body: Body, most: int) -> None:
        piece = await self.read_some(most=min(most, 1 << 18))
        if not piece:
            raise EndedError("eof")
        body.content += piece

    async def ended(self, *, within: float = DEADLINE) -> End:
        """Wait for the peer to end the connection: how it did, or `timeout` when it is still open.

        Bytes that come before the end are dropped here; they are in `transcript`.
        """
        try:
            while await self.read_some(within=within):
                pass
        except EndedError as ended:
            return ended.end
        return "eof"

    def half_close(self) -> None:
        """End our side's writing only (FIN); reading goes on."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Tear the connection down at once (RST)."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._writer.wait_closed()
        except (ConnectionError, OSError, TimeoutError):
            pass
