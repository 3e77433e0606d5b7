"""Upstreams that answer an upload before they have read it, and close: the client gets their answer, not ours."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE_S
from tests.support.server import routes_yaml, serving

BODY_BYTES = 8 * 1024 * 1024
ANSWER = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig"
UPLOADS = 12


def refuse_uploads(listener: socket.socket) -> None:
    """Until the listener is closed. Closing with unread bytes makes the kernel send a reset."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(1000)
            connection.sendall(ANSWER)


@pytest.fixture
def refusing() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse_uploads, args=(listener,))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def upload(port: int) -> bytes:
    """What the client is answered; it reads on when its sending fails, as curl does."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        client.sendall(b"POST /cart HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % BODY_BYTES)
        with contextlib.suppress(OSError):  # it is the answer that counts
            client.sendall(bytes(BODY_BYTES))
        received = b""
        while b"\r\n\r\n" not in received and (piece := client.recv(4096)):
            received += piece
        return received


def test_an_early_answer_of_an_upstream_that_closes_reaches_the_client(refusing: str, tmp_path: Path) -> None:
    with serving(tmp_path, routes_yaml(refusing, refusing)) as server:
        statuses = [upload(server.public)[:12] for _ in range(UPLOADS)]
    assert statuses == [b"HTTP/1.1 413"] * UPLOADS
