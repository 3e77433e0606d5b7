"""Raw asyncio upstream for the memory probe: `python -m benchmarks.stream_upstream PORT`.

GET /…/stream/N answers N bytes as fast as they are taken; a body sent to it is counted and dropped; every other GET
answers 1 KiB. It holds one block at a time, so that what grows in memory is the proxy.
"""

import asyncio
import contextlib
import re
import socket
import sys

import uvloop

from benchmarks.scenarios import BODY_BYTES, GET_1K

BLOCK = bytes(64 * 1024)
SEND_BUFFER_BYTES = 64 * 1024  # the kernel would otherwise keep megabytes for each slow reader


async def serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests until the other side leaves."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            await answer(reader, writer, (await reader.readuntil(b"\r\n\r\n")).lower())
    writer.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    """One request, whose head is given in lower case."""
    received = await count_body(reader, head)
    if streamed := re.match(rb"get \S*/stream/(\d+) ", head):
        await send_blocks(writer, int(streamed[1]))
        return
    body = b"x" * BODY_BYTES[GET_1K] if head.startswith(b"get ") else b"%d" % received
    writer.write(response_head(len(body)) + body)
    await writer.drain()


def response_head(body_bytes: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % body_bytes


async def send_blocks(writer: asyncio.StreamWriter, body_bytes: int) -> None:
    writer.write(response_head(body_bytes))
    for start in range(0, body_bytes, len(BLOCK)):
        writer.write(BLOCK[: body_bytes - start])
        await writer.drain()


async def count_body(reader: asyncio.StreamReader, head: bytes) -> int:
    """Length of the request's body, which is read and dropped (RFC 9112 §6)."""
    if length := re.search(rb"\r\ncontent-length: *(\d+)", head):
        return await drop(reader, int(length[1]))
    if b"\r\ntransfer-encoding:" not in head:
        return 0
    total = 0
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        total += await drop(reader, size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return total


async def drop(reader: asyncio.StreamReader, count: int) -> int:
    left = count
    while left:
        received = await reader.read(min(left, len(BLOCK)))
        if not received:
            raise ConnectionError("the body ended early")
        left -= len(received)
    return count


async def main(port: int) -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # inherited by accepted connections
    listener.bind(("127.0.0.1", port))
    server = await asyncio.start_server(serve_connection, sock=listener, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
