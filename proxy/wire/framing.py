"""Chunked bodies: read strictly, written anew (RFC 9112 section 7.1).

Chunk extensions are read past and dropped, trailers are checked and dropped: neither ever reaches the other side,
where it could be read as something else.
"""

import re
from typing import Final

from proxy.wire.fields import BadLine, split_line

LAST_CHUNK: Final = b"0\r\n\r\n"

_MAX_SIZE_LINE: Final = 512  # a size, and extensions that nobody uses
_MAX_TRAILER_BYTES: Final = 16 * 1024
# Old servers pad a size with spaces; in an answer, which is framed anew, that harms nobody.
_PADDED_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")


class BadChunk(ValueError):
    """A body that is not properly chunked."""


def encode_chunk(data: bytes) -> bytes:
    """One chunk. `data` must not be empty: an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class ChunkedDecoder:
    """Takes a chunked body in pieces of any size and gives its content.

    `padded`: white space behind a chunk's size is taken. After `done`, `rest` holds the bytes behind the body.
    Raises BadChunk, after which it is of no more use.
    """

    def __init__(self, *, padded: bool = False) -> None:
        self._size_line = _PADDED_SIZE_LINE if padded else _SIZE_LINE
        self.done = False
        self.rest = b""
        self._pending = b""  # an incomplete line
        self._left = 0  # bytes of the current chunk still to come
        self._after_data = False  # the CRLF behind a chunk's data is next
        self._in_trailers = False
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """The content found in `data`; empty where only framing was found."""
        if self._pending:
            data = self._pending + data
            self._pending = b""
        parts: list[bytes] = []
        at = 0
        while at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                parts.append(piece)
                self._left -= len(piece)
                at += len(piece)
                self._after_data = not self._left
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self._hold(data[at:])
                break
            if data[end - 1 : end] != b"\r" or end == at:
                raise BadChunk("a line of the chunked body does not end with CRLF")
            self._read_line(data[at : end - 1])
            at = end + 1
            if self.done:
                self.rest = data[at:]
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _hold(self, line: bytes) -> None:
        if self._after_data and line != b"\r":
            raise BadChunk("a chunk is longer than its size says")
        if len(line) > (_MAX_TRAILER_BYTES if self._in_trailers else _MAX_SIZE_LINE):
            raise BadChunk("a line of the chunked body is too long")
        self._pending = line

    def _read_line(self, line: bytes) -> None:
        if self._after_data:
            if line:
                raise BadChunk("a chunk is longer than its size says")
            self._after_data = False
        elif self._in_trailers:
            self._read_trailer(line)
        else:
            match = self._size_line.fullmatch(line) if len(line) <= _MAX_SIZE_LINE else None
            if match is None:
                raise BadChunk("a chunk's size is not a hexadecimal number")
            self._left = int(match.group(1), 16)
            self._in_trailers = not self._left

    def _read_trailer(self, line: bytes) -> None:
        if not line:
            self.done = True
            return
        self._trailer_bytes += len(line)
        if self._trailer_bytes > _MAX_TRAILER_BYTES:
            raise BadChunk("the trailers are too large")
        try:
            split_line(line)
        except BadLine as error:
            raise BadChunk(f"in the trailers, {error}") from None
