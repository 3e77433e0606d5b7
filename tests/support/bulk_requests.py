"""Many requests, one after the other on each of some connections, as fast as they are answered."""

import asyncio
from collections import Counter
from collections.abc import Sequence


def a_get(path: str, *lines: str) -> bytes:
    fields = "".join(f"{line}\r\n" for line in lines)
    return f"GET {path} HTTP/1.1\r\nHost: shop.example\r\n{fields}\r\n".encode()


async def send_all(port: int, requests: Sequence[bytes], connections: int = 8) -> Counter[int]:
    """How often each status was answered. Every answer must have a Content-Length."""
    statuses: Counter[int] = Counter()

    async def some(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in requests[first::connections]:
            writer.write(request)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            length = next(int(line[15:]) for line in lines if line.startswith("content-length:"))
            await reader.readexactly(length)
            statuses[int(lines[0].split(" ")[1])] += 1
        writer.close()
        await writer.wait_closed()

    async with asyncio.timeout(60):
        await asyncio.gather(*(some(each) for each in range(connections)))
    return statuses
