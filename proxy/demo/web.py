"""The demo's HTTP client: one kept connection, plain requests, an answer with what the proxy says about it."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from proxy.demo.place import HOST

TIMEOUT_SECONDS = 10.0


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

    def get(self, path: str) -> Answer:
        try:
            self._connection.request("GET", path, headers=self._headers)
            answer = self._connection.getresponse()
            body = answer.read()
        except BaseException:
            self._connection.close()
            raise
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
