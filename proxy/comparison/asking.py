"""Asking one of two systems what a captured request asks, as a client would: nothing of the proxy's is added.

httpx's transport alone is used, without the client around it, so there is no cookie jar, no redirect that is followed,
no decompression, and no proxy of the environment. An answer is kept up to a limit; a system that does not answer is
told by the reason.
"""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpx

from proxy import clock
from proxy.config.addresses import endpoint
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Fields

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
DEFAULT_SECONDS: Final = 30.0
DEFAULT_CONNECTIONS: Final = 32
IDLE_SECONDS: Final = 1.0
"""No connection is used that was idle for longer: the system may be about to close it (gunicorn does after 2 s), and
that would count as no answer."""

_OF_THE_CONNECTION: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
     "proxy-connection"}
)  # fmt: skip
"""What belongs to a connection or to the framing is made anew (RFC 9110 section 7.6.1)."""

_REASONS: Final[tuple[tuple[type[httpx.TransportError], str], ...]] = (
    (httpx.ConnectTimeout, "connect_timeout"),
    (httpx.TimeoutException, "response_timeout"),
    (httpx.ConnectError, "connect_error"),
    (httpx.RemoteProtocolError, "bad_answer"),
    (httpx.LocalProtocolError, "bad_request"),
)


class NoAnswer(Exception):
    """There was none. `reason` is a word of the data path's outcomes, `detail` what was said."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Side:
    """A system at a base URL, for as long as the context lasts. Raises `Refused` for a URL that is none."""

    def __init__(
        self,
        url: str,
        *,
        seconds: float = DEFAULT_SECONDS,
        connections: int = DEFAULT_CONNECTIONS,
        max_body_bytes: int = MAX_BODY_BYTES,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        at = endpoint(url)
        self.url = at.url
        self.authority = at.authority
        self.prefix = at.prefix
        self._max_body_bytes = max_body_bytes
        self._timeout = httpx.Timeout(seconds).as_dict()
        limits = httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_SECONDS
        )
        self._transport = transport or httpx.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def ask(self, request: CapturedRequest) -> CapturedAnswer:
        """The whole answer, or as much of its body as is kept (`cut`). Raises NoAnswer."""
        began = clock.monotonic()
        asked = self._request(request)
        try:
            response = await self._transport.handle_async_request(asked)
            try:
                body, cut = await self._read(response)
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            reason = next((name for kind, name in _REASONS if isinstance(error, kind)), "reset")
            raise NoAnswer(reason, str(error)) from None
        return CapturedAnswer(response.status_code, _fields(response), body, clock.monotonic() - began, cut)

    def _request(self, request: CapturedRequest) -> httpx.Request:
        host = next((value for name, value in request.fields if name.lower() == "host"), self.authority)
        headers = [("Host", host)]
        headers += [(name, value) for name, value in request.fields if name.lower() not in _OF_THE_CONNECTION]
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            headers.append(("Content-Length", str(len(request.body))))
        target = urlsplit(self.url).path.rstrip("/") + request.target
        return httpx.Request(
            request.method,
            self.url,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            stream=httpx.ByteStream(request.body),
            extensions={"timeout": self._timeout, "target": target.encode("latin-1")},
        )

    async def _read(self, response: httpx.Response) -> tuple[bytes, bool]:
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > self._max_body_bytes:
                return bytes(body[: self._max_body_bytes]), True
        return bytes(body), False


def _fields(response: httpx.Response) -> Fields:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
