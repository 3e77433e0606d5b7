"""An upstream of parts: `python -m tests.support.part_upstream PORT`. What it answers is named by its target.

`/answer/ok` is JSON; `stall` never answers, `drip` never ends, `reset` breaks off, `status-404` says so; `huge`,
`deep`, `html`, `nan` and `gzip` cannot be mounted. `/seen` tells how many parts were begun, and how many were left.
"""

import asyncio
import gzip
import json
import sys

OK = b'{ "price": 12.30,"z": 1, "a": [true, null] }'

BODIES = {
    "ok": OK,
    "huge": b'"' + b"x" * (3 * 1024 * 1024) + b'"',
    "deep": b"[" * 65 + b"]" * 65,
    "html": b"<html>sorry</html>",
    "nan": b'{"a": NaN}',
    "gzip": gzip.compress(OK),
}


class Upstream:
    def __init__(self) -> None:
        self.seen = {"begun": 0, "left": 0}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head.split(b" ", 2)[1].decode(), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        how = target.rpartition("/")[2]
        if target == "/seen":
            await send(writer, "200 OK", json.dumps(self.seen).encode())
            return
        self.seen["begun"] += 1
        if how in ("stall", "drip"):
            await self._hold(how, reader, writer)
        elif how == "reset":
            writer.transport.abort()
        elif how.startswith("status-"):
            await send(writer, f"{how[7:]} Said", b'{"said": "%b"}' % how.encode(), "WWW-Authenticate: Bearer")
        else:
            await send(writer, "200 OK", BODIES[how], *(["Content-Encoding: gzip"] if how == "gzip" else []))

    async def _hold(self, how: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if how == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[")
        try:
            await reader.readuntil(b"\r\n\r\n")
        finally:
            self.seen["left"] += 1


async def send(writer: asyncio.StreamWriter, status: str, body: bytes, *lines: str) -> None:
    fields = [f"HTTP/1.1 {status}", "Content-Type: application/json", *lines, f"Content-Length: {len(body)}"]
    writer.write("\r\n".join(fields).encode() + b"\r\n\r\n" + body)
    await writer.drain()


async def main(port: str) -> None:
    server = await asyncio.start_server(Upstream().serve, "127.0.0.1", int(port))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
