"""[IO] Asking what is outside of the proxy over HTTP: hooks, and Prometheus. One connection a question.

No proxy of the environment, no redirect, no cookie; the answer is bounded, and so is the time of the whole exchange.
Whoever asks gets a status or a reason in words, which quotes nothing that was answered. No thread waits for an answer.
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from proxy.config.model import Endpoint, UpstreamTls
from proxy.forwarding.call import call
from proxy.forwarding.pool import EndpointKey, EndpointPool
from proxy.observability.counters import Counters
from proxy.wire.refusal import BadAnswer

MAX_QUESTIONS: Final = 16  # under way at one time
MAX_PLACES: Final = 64  # that are remembered, each with its addresses and the authorities of the system


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


class NoAnswer(Exception):
    """Says why, in words."""


class Asker:
    """Questions to one place share the look-up of its name."""

    def __init__(self) -> None:
        self._free = MAX_QUESTIONS
        self._place = lru_cache(maxsize=MAX_PLACES)(_place)

    async def ask(self, url: str, *, seconds: float, body: bytes | None = None) -> Answer:
        """GET, or POST of JSON where there is a body. Raises NoAnswer."""
        if not self._free:
            raise NoAnswer("too many questions wait for their answers")
        self._free -= 1
        try:
            return await self._ask(url, seconds, body)
        except TimeoutError:
            raise NoAnswer(f"no answer within {seconds:g} s") from None
        except BadAnswer:
            raise NoAnswer("a bad answer, or one that is too large") from None
        except OSError as error:
            raise NoAnswer(_reason(error)) from None
        finally:
            self._free += 1

    async def _ask(self, url: str, seconds: float, body: bytes | None) -> Answer:
        parts = urlsplit(url)
        default = 443 if parts.scheme == "https" else 80
        place = self._place(parts.scheme, parts.hostname or "", parts.port or default)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fields = {"Accept": "application/json", "User-Agent": "strangler-rollout"}
        if body is not None:
            fields["Content-Type"] = "application/json"
        method = "GET" if body is None else "POST"
        return Answer(*await call(place, method, target, fields, body or b"", seconds=seconds))


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno).lower()  # asyncio's own words say where, and not what
    return (error.strerror or str(error) or type(error).__name__).lower()


def _place(scheme: str, host: str, port: int) -> EndpointPool:
    return EndpointPool(EndpointKey(Endpoint(scheme, host, port), UpstreamTls()), Counters())
