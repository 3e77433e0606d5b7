"""Clients that only occupy: `python -m benchmarks.slow_clients PORT IDLE SLOW BYTES`.

IDLE connections ask once and then keep still; SLOW ones ask for BYTES each and read a little once a second. It prints
`ready` when all of them stand, and when its standard input closes, how many still do, as JSON.
"""

import asyncio
import contextlib
import json
import socket
import sys

from benchmarks.scenarios import GET_1K

READ_BYTES = 4096
RECEIVE_BUFFER_BYTES = 16 * 1024  # small, so that the proxy feels the slowness at once
AT_ONCE = 50  # connects in flight, well within any backlog


async def connect(port: int, path: str, gate: asyncio.Semaphore) -> socket.socket:
    """A connection that has sent a GET and received the beginning of its answer."""
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    async with gate:
        await loop.sock_connect(connection, ("127.0.0.1", port))
        await loop.sock_sendall(connection, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode("ascii"))
        first = await loop.sock_recv(connection, READ_BYTES)
    if not first.startswith(b"HTTP/1.1 200"):
        status_line, _, _ = first.partition(b"\r")
        raise ConnectionError(f"answered {status_line!r}")
    return connection


async def read_slowly(connections: list[socket.socket]) -> None:
    """A few KiB from each, spread over every second, for ever."""
    while True:
        for connection in connections:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                connection.recv(READ_BYTES)
            await asyncio.sleep(1 / len(connections))


def still_open(connection: socket.socket) -> bool:
    """False once the other side has closed or reset it."""
    try:
        return connection.recv(READ_BYTES, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


async def main(port: int, idle: int, slow: int, body_bytes: int) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    idlers = await asyncio.gather(*(connect(port, GET_1K, gate) for _ in range(idle)))
    readers = await asyncio.gather(*(connect(port, f"/api/products/stream/{body_bytes}", gate) for _ in range(slow)))
    for connection in idlers:
        with contextlib.suppress(BlockingIOError):  # nothing left when head and body came together
            connection.recv(65536)
    reading = asyncio.create_task(read_slowly(readers)) if readers else None
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    if reading:
        reading.cancel()
    print(json.dumps({"idle": sum(map(still_open, idlers)), "slow": sum(map(still_open, readers))}))


if __name__ == "__main__":
    try:
        asyncio.run(main(*map(int, sys.argv[1:])))
    except OSError as error:
        print(error)
        sys.exit(1)
