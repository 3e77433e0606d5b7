"""Secrets of live traffic are compared, and are nowhere after that: in no file, no log, no answer of the console."""

import asyncio
import base64
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.wire.exchange import CapturedRequest, Exchange
from tests.support.bulk_requests import send_all
from tests.support.planted_secrets import PLANTS, packed
from tests.support.server import Server, ask, serving

SENT, LEFT, RIGHT = "sw0rdfish-of-the-client", "sw0rdfish-of-the-monolith", "sw0rdfish-of-the-service"
PLANT = "X-Plant"

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


class Side(asyncio.Protocol):
    """Answers the request of a plant as that plant says, with its own secret, in a language of its own."""

    transport: asyncio.Transport

    def __init__(self, secret: str, language: str) -> None:
        self._secret = secret
        self._language = language
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, end, rest = self._held.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        if not end or len(rest) < int(fields.get(b"content-length", b"0")):
            return
        self._held = b""
        (answer,) = PLANTS[int(fields[PLANT.lower().encode()])](self._secret).answers.values()
        lines = "".join(f"{name}: {value}\r\n" for name, value in answer.fields)
        lines += f"Content-Language: {self._language}\r\nContent-Length: {len(answer.body)}\r\n\r\n"
        self.transport.write(f"HTTP/1.1 {answer.status} Said\r\n{lines}".encode("latin-1") + answer.body)


@contextlib.asynccontextmanager
async def side(secret: str, language: str) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Side(secret, language), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def shop(old: int, new: int) -> str:
    """A route for each plant, so that each has examples of its own."""
    routes = "\n".join(
        f'  - {{ name: plant-{number}, match: {{ path: "/**", headers: {{ {PLANT}: "{number}" }} }}, to: service,'
        " stage: shadow, shadow: { allow_writes: true, timeout: 60s } }"
        for number in range(len(PLANTS))
    )
    return f"""\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0 }}
upstreams:
  monolith: {{ url: "http://127.0.0.1:{old}" }}
  service: {{ url: "http://127.0.0.1:{new}", sandboxed: true }}
defaults: {{ legacy: monolith }}
routes:
{routes}
"""


def wire(exchange: Exchange, number: int) -> bytes:
    request: CapturedRequest = exchange.request
    fields = (
        ("Host", "shop.example"),
        (PLANT, str(number)),
        *request.fields,
        ("Content-Length", str(len(request.body))),
    )
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{request.method} {request.target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + request.body


async def test_no_secret_of_live_traffic_is_in_a_file_a_log_or_an_answer(tmp_path: Path) -> None:
    async with side(LEFT, "en") as old, side(RIGHT, "de") as new:
        with serving(tmp_path, shop(old, new)) as server:
            requests = [wire(plant(SENT), number) for number, plant in enumerate(PLANTS)]
            await send_all(server.public, requests)
            said = await asyncio.to_thread(all_that_is_said, server, len(requests) - 1)  # one answer is a stream
        written = all_that_is_written(tmp_path)
    assert {"state.db", "log"} <= set(written)
    assert written["state.db"].count(b"***") > len(PLANTS) * 2, "nothing was kept in which a secret could be"
    for name, content in {**written, **said}.items():
        clear = content + b"".join(base64.b64decode(word) for word in re.findall(rb'"base64":"([^"]*)"', content))
        for secret in (SENT, LEFT, RIGHT):
            assert secret.encode() not in clear, name
            assert packed(secret) not in clear, name


def all_that_is_written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def all_that_is_said(server: Server, compared: int) -> dict[str, bytes]:
    """Once all pairs are compared and written."""
    server.wait_until(lambda: server.metric("strangler_comparisons_total", outcome="different") >= compared)
    server.wait_until(lambda: len(server.api("mismatches?limit=500").body.split(b'"left"')) > compared)
    database = server.folder / ".strangler" / "state.db"
    beside = {f"{path.name}, while it serves": path.read_bytes() for path in database.parent.glob("state.db*")}
    return {
        "mismatches": server.cli("mismatches", "--all").stdout.encode(),
        "mismatches as JSON": server.api("mismatches?limit=500").body,
        "metrics": ask(server.console, "/metrics").body,
        "status": server.api("status").body,
        **beside,
    }
