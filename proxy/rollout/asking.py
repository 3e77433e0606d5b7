"""[IO] Asking what is outside of the proxy over HTTP: hooks, and Prometheus. One connection a question.

No proxy of the environment, no redirect, no cookie; the answer's body is bounded, and so is the time. Whoever asks gets
a status or a reason in words, which quotes nothing that was answered.
"""

import asyncio
import http.client
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

MAX_BODY_BYTES: Final = 256 * 1024
MAX_QUESTIONS: Final = 16  # under way at one time; each takes a thread


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


class NoAnswer(Exception):
    """Says why, in words."""


class Asker:
    """A question whose time is over may hold its thread a little longer; so the threads are counted, and bounded."""

    def __init__(self) -> None:
        self._free = MAX_QUESTIONS

    async def ask(self, url: str, *, seconds: float, body: bytes | None = None) -> Answer:
        """GET, or POST of JSON where there is a body. Raises NoAnswer."""
        if not self._free:
            raise NoAnswer("too many questions wait for their answers")
        self._free -= 1
        asked = asyncio.get_running_loop().run_in_executor(None, _ask, url, seconds, body)
        asked.add_done_callback(self._give_back)
        try:
            return await asyncio.wait_for(asyncio.shield(asked), seconds)
        except TimeoutError:
            raise NoAnswer(f"no answer within {seconds:g} s") from None
        except http.client.HTTPException as error:
            raise NoAnswer(f"a bad answer ({type(error).__name__})") from None
        except OSError as error:
            raise NoAnswer((error.strerror or type(error).__name__).lower()) from None

    def _give_back(self, asked: "asyncio.Future[Answer]") -> None:
        self._free += 1
        if not asked.cancelled():
            asked.exception()  # nobody may wait for it any more


def _ask(url: str, seconds: float, body: bytes | None) -> Answer:
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, seconds)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Accept": "application/json", "User-Agent": "strangler-rollout", "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request("GET" if body is None else "POST", target, body, headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(MAX_BODY_BYTES))
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int | None, seconds: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=seconds)
