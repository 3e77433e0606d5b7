"""Paced client: evenly spaced GETs on one keep-alive connection, each timed; one line of JSON at the end.

`python -m benchmarks.paced PORT PATH RATE SECONDS`. A blocking socket, since an event loop would time itself. A request
that had to wait because the one before was late is timed from when it was due (no coordinated omission).
"""

import itertools
import json
import socket
import sys
import time

from benchmarks.scenarios import HEADERS, VISITOR, VISITORS, visitor_digits
from benchmarks.summary import percentile

RECEIVE_BYTES = 65536
TIMEOUT_SECONDS = 20.0


class PacedConnection:
    """One connection to 127.0.0.1 that sends GETs of one visitor after another."""

    def __init__(self, port: int, path: str) -> None:
        self._requests = itertools.cycle([request(port, path, number) for number in range(1, VISITORS + 1)])
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self) -> int:
        """Send the request, read the answer to its last byte, return its status."""
        self._socket.sendall(next(self._requests))
        head, _, body = self._receive_until_head().partition(b"\r\n\r\n")
        missing = content_length(head) - len(body)
        while missing > 0:
            missing -= len(self._receive())
        return int(head[9:12])

    def close(self) -> None:
        self._socket.close()

    def _receive_until_head(self) -> bytes:
        received = self._receive()
        while b"\r\n\r\n" not in received:
            received += self._receive()
        return received

    def _receive(self) -> bytes:
        received = self._socket.recv(RECEIVE_BYTES)
        if not received:
            raise ConnectionError("the connection was closed in the middle of an answer")
        return received


def request(port: int, path: str, visitor: int) -> bytes:
    """A whole GET, as that visitor sends it."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    text = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{fields.replace(VISITOR, visitor_digits(visitor))}\r\n"
    return text.encode("ascii")


def content_length(head: bytes) -> int:
    """Content-Length of a response head; the benchmark's upstreams always send one."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"an answer without Content-Length: {head[:200]!r}")


def paced_latencies(port: int, path: str, rate: float, seconds: float) -> tuple[list[float], dict[str, int]]:
    """Latencies in microseconds of the answers with status 200, and the number of failures by kind."""
    latencies: list[float] = []
    errors = {"read": 0, "status": 0}
    connection = PacedConnection(port, path)
    began = time.perf_counter()
    for number in range(round(rate * seconds)):
        due = began + number / rate
        idle = due - time.perf_counter()
        if idle > 0:
            time.sleep(idle)
        sent = time.perf_counter() if idle > 0 else due
        try:
            status = connection.get()
        except OSError:
            errors["read"] += 1
            connection.close()
            connection = PacedConnection(port, path)
            continue
        if status == 200:
            latencies.append((time.perf_counter() - sent) * 1e6)
        else:
            errors["status"] += 1
    connection.close()
    return latencies, errors


def main() -> None:
    port, path, rate, seconds = sys.argv[1:]
    began = time.perf_counter()
    latencies, errors = paced_latencies(int(port), path, float(rate), float(seconds))
    result = {
        "requests": len(latencies),
        "microseconds": round((time.perf_counter() - began) * 1e6),
        "p50_us": percentile(latencies, 50) if latencies else 0.0,
        "p99_us": percentile(latencies, 99) if latencies else 0.0,
        "errors": errors,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
