"""The demo's HTTP client: one kept connection, plain requests, an answer with what the proxy says about it."""

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from proxy import clock
from proxy.demo.place import HOST

TIMEOUT_SECONDS = 30.0  # of a machine that is busy with something else
IDLE_SECONDS = 2.0  # after which a server might be about to close a kept connection


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` have lower-case names."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def decision(self) -> str:
        """What a trusted caller is told; empty when nothing was decided."""
        return self.headers.get("x-strangler-decision", "")

    @property
    def side(self) -> str:
        return dict(part.partition("=")[::2] for part in self.decision.split(";")).get("side", "")

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks one port of this machine. Its methods raise `OSError` or `http.client.HTTPException`."""

    def __init__(self, port: int, headers: Mapping[str, str] | None = None) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
        self._headers = dict(headers or {})
        self._used = clock.monotonic()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, document: object, headers: Mapping[str, str] | None = None) -> Answer:
        """`document` is sent as JSON."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self.ask("POST", path, json.dumps(document).encode(), sent)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        if clock.monotonic() - self._used > IDLE_SECONDS:
            self._connection.close()  # the next request opens it again
        try:
            self._connection.request(method, path, body, {**self._headers, **(headers or {})})
            answer = self._connection.getresponse()
            body = answer.read()
        except BaseException:
            self._connection.close()
            raise
        self._used = clock.monotonic()
        return Answer(answer.status, answer.reason, {k.lower(): v for k, v in answer.getheaders()}, body)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def answers_well(port: int, path: str) -> bool:
    """Whether a GET is answered with 200 now."""
    with Client(port) as client:
        try:
            return client.get(path).status == 200
        except (OSError, http.client.HTTPException):
            return False


def listens(port: int) -> bool:
    """Whether connections to the port are accepted now."""
    with socket.socket() as sock:
        return sock.connect_ex((HOST, port)) == 0
