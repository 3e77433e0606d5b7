"""Connections to the other services."""

from collections.abc import Mapping
from typing import Any

import httpx

from extracted_services.chassis import trace
from extracted_services.orders.adapters.asking import Unreachable

SECONDS = 8.0


class HttpClient:
    """The `Client` port on httpx."""

    def __init__(self, url: str, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        headers = {"authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=SECONDS, trust_env=False, transport=transport
        )

    async def ask(
        self, method: str, path: str, *, document: object = None, key: str | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        span = trace.current.get()
        headers = dict(span.headers()) if span else {}
        if key is not None:
            headers["idempotency-key"] = key
        try:
            answer = await self._http.request(method, path, json=document, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as problem:
            raise Unreachable(
                f"{self._http.base_url} does not listen ({type(problem).__name__})", unsent=True
            ) from None
        except httpx.TransportError as problem:
            raise Unreachable(f"{method} {path} was not answered ({type(problem).__name__})", unsent=False) from None
        if answer.status_code in (502, 503, 504):
            raise Unreachable(f"{method} {path} was answered with {answer.status_code}", unsent=False)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            raise Unreachable(f"{method} {path} was answered with no JSON", unsent=False) from None

    async def aclose(self) -> None:
        await self._http.aclose()


def open_client(url: str, token: str) -> HttpClient:
    return HttpClient(url, token)
