"""One large body each way over a plain blocking socket, counted to the last byte and never kept."""

import socket

from benchmarks.processes import BenchmarkError
from benchmarks.scenarios import POST_10K

BLOCK = bytes(256 * 1024)
TIMEOUT_SECONDS = 60.0


def download(port: int, body_bytes: int) -> None:
    """GET that many bytes and drop them; BenchmarkError unless they are exactly as many."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
        connection.sendall(request_head(port, "GET", f"/api/products/stream/{body_bytes}"))
        left = body_bytes - len(receive_head(connection)[1])
        buffer = bytearray(len(BLOCK))
        while left > 0 and (count := connection.recv_into(buffer)):
            left -= count
    if left:
        raise BenchmarkError(f"a download of {body_bytes} bytes ended with {left} missing")


def upload(port: int, body_bytes: int) -> None:
    """POST that many bytes; BenchmarkError unless the upstream counted exactly as many."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
        connection.sendall(request_head(port, "POST", POST_10K, f"Content-Length: {body_bytes}"))
        for start in range(0, body_bytes, len(BLOCK)):
            connection.sendall(BLOCK[: body_bytes - start])
        _, counted = receive_head(connection)
        while len(counted) < len(str(body_bytes)) and (more := connection.recv(len(BLOCK))):
            counted += more
    if counted != str(body_bytes).encode("ascii"):
        raise BenchmarkError(f"of an upload of {body_bytes} bytes the upstream counted {counted[:20]!r}")


def request_head(port: int, method: str, path: str, *fields: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *fields, "", ""]).encode("ascii")


def receive_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Head of a 200 answer, and what of the body came along."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(len(BLOCK))
        if not more:
            raise BenchmarkError(f"the connection ended within the head of the answer: {received[:200]!r}")
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    if head[9:12] != b"200":
        raise BenchmarkError(f"answered {head[:60]!r}")
    return head, body
