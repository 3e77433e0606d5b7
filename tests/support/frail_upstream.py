"""An upstream that is a process of its own, so that it can be killed, stopped from answering, and started again.

`python -m tests.support.frail_upstream PORT NAME RECORD`. It answers with its name; in a target the path says how:
`…/halves` with a pause within the answer, `…/late` after 100 ms, `…/cut` and `…/garbage` wrongly, `…/sick` with a 503.
Every request is written to RECORD before it is answered, with its method and the `id` in its target, and outlives the
process there. SIGUSR1 makes it accept and never answer, SIGUSR2 ends that.
"""

import asyncio
import contextlib
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.support.processes import Process, free_port

HALF_SECONDS = 0.02
LATE_SECONDS = 0.1
GARBAGE = b"HTTP/1.1 two hundred\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Record:
    """One request that came: when (monotonic seconds, of this machine), its method, its id, and to which process."""

    at: float
    method: str
    id: str
    pid: int


class Upstream:
    """What all connections of the process share."""

    def __init__(self, name: str, record: Path) -> None:
        self.name = name.encode()
        self.stalls = False
        self._sink = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, method: str, identity: str) -> None:
        os.write(self._sink, f"{time.monotonic()} {method} {identity or '-'} {os.getpid()}\n".encode())


class Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, end, rest = self._held.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"),
            0,
        )
        if end and len(rest) >= length:
            self._held = b""
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        method, target, _ = head.partition(b"\r\n")[0].decode().split(" ")
        parts = urlsplit(target)
        self._upstream.note(method, parse_qs(parts.query).get("id", [""])[0])
        if self._upstream.stalls:
            return
        loop, body = asyncio.get_running_loop(), self._upstream.name * 2
        begin = b"HTTP/1.1 200 OK\r\nX-From: %b\r\nContent-Length: %d\r\n\r\n" % (self._upstream.name, len(body))
        match parts.path.rpartition("/")[2]:
            case "halves":
                self.transport.write(begin + self._upstream.name)
                loop.call_later(HALF_SECONDS, self._write, self._upstream.name)
            case "late":
                loop.call_later(LATE_SECONDS, self._write, begin + body)
            case "cut":
                self.transport.write(begin + self._upstream.name)
                loop.call_later(HALF_SECONDS, self._reset)
            case "garbage":
                self.transport.write(GARBAGE)
            case "sick":
                self.transport.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            case _:
                self.transport.write(begin + body)

    def _write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def _reset(self) -> None:
        sock: socket.socket = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Frail:
    """The test's side: the process at one address, as long as it lives, and its record over all its lives."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._record = folder / f"{name}.record"
        self._record.touch()
        self._log = folder / f"{name}.log"
        self.start()

    @classmethod
    @contextlib.contextmanager
    def running(cls, folder: Path, *names: str) -> Iterator[list["Frail"]]:
        upstreams = [cls(folder, name) for name in names]
        try:
            yield upstreams
        finally:
            for upstream in upstreams:
                upstream.process.stop()

    def start(self) -> None:
        """Begin, or begin again. It is there when this returns."""
        command = [sys.executable, "-m", "tests.support.frail_upstream", str(self.port), self.name, self._record]
        self.process = Process.start(command, log=self._log).wait_for_output("listening")

    def kill(self) -> float:
        """End it with SIGKILL. When all its connections were gone, in monotonic seconds."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return time.monotonic()

    def stall(self) -> float:
        """Let it accept and never answer. When that began, at the latest, in monotonic seconds."""
        return self._signal(signal.SIGUSR1, "stalls")

    def answer(self) -> float:
        """Let it answer again, what comes from now on."""
        return self._signal(signal.SIGUSR2, "answers")

    def _signal(self, number: signal.Signals, said: str) -> float:
        before = self.process.output.count(said)
        self.process.send_signal(number)
        self.process.wait_until(lambda: self.process.output.count(said) > before)
        return time.monotonic()

    @property
    def records(self) -> list[Record]:
        lines = [line.split() for line in self._record.read_text().splitlines()]
        return [Record(float(at), method, identity, int(pid)) for at, method, identity, pid in lines]


async def main(port: int, name: str, record: Path) -> None:
    upstream = Upstream(name, record)
    loop = asyncio.get_running_loop()

    def turn(stalls: bool) -> None:
        upstream.stalls = stalls
        print("stalls" if stalls else "answers", flush=True)

    loop.add_signal_handler(signal.SIGUSR1, turn, True)
    loop.add_signal_handler(signal.SIGUSR2, turn, False)
    server = await loop.create_server(lambda: Connection(upstream), "127.0.0.1", port, backlog=1024)
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
