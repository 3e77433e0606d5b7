"""The reverse proxy that most tutorials arrive at: Starlette, and a stock httpx.AsyncClient, streaming both ways."""

import contextlib
import os
from collections.abc import AsyncIterator
from typing import TypedDict

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}


class State(TypedDict):
    client: httpx.AsyncClient


@contextlib.asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[State]:
    upstream = f"http://{os.environ['BENCH_UPSTREAM']}"
    async with httpx.AsyncClient(base_url=upstream, timeout=30, trust_env=False) as client:
        yield {"client": client}


async def forward(request: Request) -> StreamingResponse:
    client: httpx.AsyncClient = request.state.client
    headers = [(name, value) for name, value in request.headers.items() if name not in HOP_BY_HOP]
    headers += [
        ("x-forwarded-for", request.client.host if request.client else ""),
        ("x-forwarded-proto", request.url.scheme),
        ("x-forwarded-host", request.headers["host"]),
    ]
    has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
    outgoing = client.build_request(
        request.method,
        request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        headers=headers,
        content=request.stream() if has_body else None,
    )
    answer = await client.send(outgoing, stream=True)
    response = StreamingResponse(answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose))
    response.raw_headers = [
        (name, value) for name, value in answer.headers.raw if name.lower().decode() not in HOP_BY_HOP
    ]
    return response


app = Starlette(
    routes=[
        Route("/api/products/{rest:path}", forward, methods=METHODS),
        Route("/api/orders{rest:path}", forward, methods=METHODS),
        Route("/{rest:path}", forward, methods=METHODS),
    ],
    lifespan=lifespan,
)
