"""The body of a request on its way in: where it ends, how large it may be, and how it is framed for the upstream."""

from proxy.wire.framing import LAST_CHUNK, BadChunk, ChunkedDecoder, encode_chunk
from proxy.wire.head import RequestHead
from proxy.wire.refusal import Refusal, bad_head


class RequestBody:
    """Reads a body piece by piece. Raises Refusal when it is larger than `limit` bytes or badly framed."""

    __slots__ = ("_decoder", "_left", "_limit", "chunked", "done", "rest")

    def __init__(self, head: RequestHead, limit: int) -> None:
        length = head.fields.content_length or 0
        if length > limit:
            raise too_large(limit)
        self._limit = limit
        self._left = length
        self._decoder = ChunkedDecoder() if head.fields.chunked else None
        self.done = not head.fields.chunked and not length
        self.chunked = head.fields.chunked
        self.rest = b""  # what stands behind the body

    def take(self, data: bytes) -> bytes:
        """The part of `data` that belongs to the body, framed for the wire."""
        if self._decoder is not None:
            return self._take_chunks(self._decoder, data)
        if len(data) > self._left:
            self.rest = data[self._left :]
            data = data[: self._left]
        self._left -= len(data)
        self.done = not self._left
        return data

    def _take_chunks(self, decoder: ChunkedDecoder, data: bytes) -> bytes:
        try:
            content = decoder.feed(data)
        except BadChunk as error:
            raise bad_head(str(error)) from None
        self._left += len(content)
        if self._left > self._limit:
            raise too_large(self._limit)
        framed = encode_chunk(content) if content else b""
        if decoder.done:
            self.done = True
            self.rest = decoder.rest
            framed += LAST_CHUNK
        return framed


def too_large(limit: int) -> Refusal:
    return Refusal(413, "body_too_large", f"the body is larger than {limit} bytes")
