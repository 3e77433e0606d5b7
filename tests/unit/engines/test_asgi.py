"""The proxy as an ASGI application, driven message by message against an upstream on a real socket."""

import asyncio
import contextlib
import json
from dataclasses import replace

import httpx
import pytest

from proxy import create_app
from proxy.config.model import Endpoint, Upstream
from tests.support.processes import PATIENCE_S
from tests.support.routing import route, snapshot
from tests.support.socket_buffers import grown_to
from tests.support.wire_text import answer, read

BUFFERED_AT_MOST = grown_to("tcp_rmem") + grown_to("tcp_wmem") + 4 * 1024 * 1024
"""The kernel's buffers of both ends of the upstream's connection grow; ours do not."""


class ScriptedUpstream:
    """A server whose connections are scripted by the test: each request's head is read, the rest is the test's."""

    def __init__(self):
        self.heads = []
        self.connections = []
        self.asked = asyncio.Event()
        self.script = self.say(answer())

    @staticmethod
    def say(data):
        async def script(_reader, writer):
            writer.write(data)

        return script

    async def serve(self, reader, writer):
        self.connections.append(writer)
        try:
            while True:
                self.heads.append(read(await reader.readuntil(b"\r\n\r\n")))
                self.asked.set()
                await self.script(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Call:
    """One request in progress, seen from the server that runs the application."""

    def __init__(self, app, method="GET", path="/a", query=b"", headers=(), http_version="1.1"):
        self.scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query,
            "headers": [(b"host", b"shop.example"), *headers], "http_version": http_version, "scheme": "http",
            "client": ("192.0.2.7", 4711),
        }  # fmt: skip
        self.incoming = asyncio.Queue()
        self.messages = []
        self.came = asyncio.Condition()
        self.task = asyncio.create_task(app(self.scope, self.incoming.get, self.send))

    async def send(self, message):
        async with self.came:
            self.messages.append(message)
            self.came.notify_all()

    def sends(self, body=b"", more=False):
        self.incoming.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def leaves(self):
        self.incoming.put_nowait({"type": "http.disconnect"})

    async def has(self, content):
        """Wait until the client has so much of the answer's body."""
        async with asyncio.timeout(PATIENCE_S), self.came:
            await self.came.wait_for(lambda: self.body == content)

    async def ends(self):
        await asyncio.wait_for(self.task, PATIENCE_S)

    @property
    def status(self):
        return self.messages[0]["status"]

    @property
    def headers(self):
        return self.messages[0]["headers"]

    def value(self, name):
        return dict(self.headers).get(name)

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def whole(self):
        """Whether the application said that the answer is complete."""
        return self.messages[-1]["type"] == "http.response.body" and not self.messages[-1].get("more_body", False)


def play(story, *routes):
    """Tell a story of an application and its upstream."""

    async def told():
        upstream = ScriptedUpstream()
        server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        served = snapshot(*routes)
        names = dict.fromkeys(served.upstreams)
        upstreams = {name: Upstream(name, (Endpoint("http", "127.0.0.1", port),)) for name in names}
        app = create_app(replace(served, upstreams=upstreams))
        try:
            async with asyncio.timeout(2 * PATIENCE_S):
                await story(app, upstream)
        finally:
            await app.aclose()
            server.close()
            for connection in upstream.connections:
                connection.close()
            await server.wait_closed()
            for _ in range(3):  # what was closed says so in the next turns
                await asyncio.sleep(0)

    asyncio.run(told())


def test_a_get_goes_up_and_its_answer_comes_down():
    async def story(app, upstream):
        upstream.script = upstream.say(
            answer("200 OK", "Server: x", "Set-Cookie: a=1", "Set-Cookie: b=2", body=b"hello")
        )
        call = Call(app, path="/%61", query=b"b=1", headers=[(b"accept", b"*/*")])
        call.sends()
        await call.ends()
        assert (call.status, call.body, call.whole) == (200, b"hello", True)
        assert [value for name, value in call.headers if name == b"set-cookie"] == [b"a=1", b"b=2"]
        (asked,) = upstream.heads
        assert asked.first == "GET /a?b=1 HTTP/1.1"
        assert asked.value("x-forwarded-for") == "192.0.2.7"
        assert call.value(b"x-request-id").decode() == asked.value("x-request-id")

    play(story)


def test_a_user_at_canary_gets_an_id():
    async def story(app, upstream):
        upstream.script = upstream.say(answer("200 OK", "Set-Cookie: a=1"))
        call = Call(app, headers=[(b"accept", b"text/html")])
        call.sends()
        await call.ends()
        theirs, ours = [value for name, value in call.headers if name == b"set-cookie"]
        assert theirs == b"a=1"
        assert ours.startswith(b"strangler_id=")

    play(story, route("r", "/a", stage="canary"))


def test_it_serves_an_ordinary_client_library():
    async def story(app, upstream):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            assert (await client.get("/a")).text == "ok"
            retired = await client.get("/old")
            assert (retired.status_code, retired.headers["content-type"]) == (410, "application/problem+json")
            refused = await client.get("/internal/sync")
            assert refused.status_code == 404
            assert refused.json()["request_id"] == refused.headers["x-request-id"]
        assert len(upstream.heads) == 1

    play(story, route("old", "/old", stage="retired", to=None))


def test_an_upload_streams_while_it_comes():
    async def story(app, upstream):
        got = asyncio.Queue()

        async def script(reader, writer):
            got.put_nowait(await reader.readexactly(3))
            got.put_nowait(await reader.readexactly(2))
            writer.write(answer("201 Created"))

        upstream.script = script
        call = Call(app, "POST", headers=[(b"content-length", b"5")])
        call.sends(b"abc", more=True)
        assert await got.get() == b"abc"
        call.sends(b"de")
        assert await got.get() == b"de"
        await call.ends()
        assert call.status == 201
        assert upstream.heads[0].value("content-length") == "5"

    play(story)


def test_a_chunked_upload_is_chunked_again():
    async def story(app, upstream):
        got = asyncio.Queue()

        async def script(reader, writer):
            got.put_nowait(await reader.readuntil(b"0\r\n\r\n"))
            writer.write(answer())

        upstream.script = script
        call = Call(app, "POST", headers=[(b"transfer-encoding", b"chunked")])
        for piece in (b"abc", b"", b"de"):
            call.sends(piece, more=True)
        call.sends()
        assert await got.get() == b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        await call.ends()
        assert call.whole

    play(story)


def test_an_answer_streams_while_it_comes():
    async def story(app, upstream):
        go_on = asyncio.Event()

        async def script(_reader, writer):
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            await go_on.wait()
            writer.write(b"6\r\nsecond\r\n0\r\n\r\n")

        upstream.script = script
        call = Call(app)
        call.sends()
        await call.has(b"first")
        assert not call.whole
        assert call.value(b"transfer-encoding") is None, "framing is the server's"
        go_on.set()
        await call.ends()
        assert (call.body, call.whole) == (b"firstsecond", True)

    play(story)


@pytest.mark.parametrize("target", ["/a", "/old", "/internal/x"])
def test_an_answer_to_head_has_no_body(target):
    async def story(app, upstream):
        upstream.script = upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        call = Call(app, "HEAD", target)
        call.sends()
        await call.ends()
        assert (call.body, call.whole) == (b"", True)
        assert int(call.value(b"content-length")) > 0

    play(story, route("old", "/old", stage="retired", to=None))


def test_a_client_that_leaves_cancels_the_upstreams_work():
    async def story(app, upstream):
        left = asyncio.Event()

        async def script(reader, _writer):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            left.set()

        upstream.script = script
        call = Call(app)
        call.sends()
        await upstream.asked.wait()
        call.leaves()
        await left.wait()
        await call.ends()
        assert call.messages == []
        assert ["default", "legacy", "default", "4xx", 1] in app.counters()["requests"]

    play(story)


def test_an_answer_that_breaks_off_is_never_called_whole():
    async def story(app, upstream):
        async def script(_reader, writer):
            writer.write(answer(body=b"0123456789")[:-5])
            writer.close()

        upstream.script = script
        call = Call(app)
        call.sends()
        with contextlib.suppress(ConnectionError):  # a server takes an exception, too, for a broken answer
            await call.ends()
        assert call.body in (b"", b"01234")
        assert not call.whole

    play(story)


def test_an_upstream_that_dies_before_it_answers_is_a_502():
    async def story(app, upstream):
        async def script(_reader, writer):
            writer.close()

        upstream.script = script
        call = Call(app)
        call.sends()
        await call.ends()
        assert call.status == 502
        problem = json.loads(call.body)
        assert problem["type"] == "urn:strangler:reset"
        assert problem["request_id"] == call.value(b"x-request-id").decode()

    play(story)


def test_a_body_over_the_limit_is_refused():
    async def story(app, upstream):
        declared = Call(app, "POST", "/up", headers=[(b"content-length", b"11")])
        declared.sends(b"x" * 11)
        await declared.ends()
        assert declared.status == 413
        assert upstream.heads == []

        async def swallow(reader, _writer):
            await reader.read()

        upstream.script = swallow
        chunked = Call(app, "POST", "/up", headers=[(b"transfer-encoding", b"chunked")])
        chunked.sends(b"x" * 6, more=True)
        chunked.sends(b"x" * 6, more=True)
        await chunked.ends()
        assert chunked.status == 413

    play(story, route("up", "/up", body_bytes=10))


def test_a_slow_client_holds_its_upstream_back():
    async def story(app, upstream):
        sent = 0
        done = asyncio.Event()
        total = 2 * BUFFERED_AT_MOST // 65536 * 65536

        async def script(_reader, writer):
            nonlocal sent
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
            while sent < total:
                writer.write(b"x" * 65536)
                sent += 65536
                await writer.drain()
            done.set()

        upstream.script = script
        gate = asyncio.Event()
        received = 0

        async def slow(message):
            nonlocal received
            await gate.wait()
            received += len(message.get("body", b""))

        incoming = asyncio.Queue()
        incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        serving = asyncio.create_task(app(dict(SCOPE), incoming.get, slow))
        still = -1
        while still != sent or not sent:  # until nothing more goes up the hill
            still = sent
            await asyncio.sleep(0.05)
        assert sent < BUFFERED_AT_MOST
        gate.set()
        await done.wait()
        await serving
        assert received == total

    play(story)


SCOPE = {
    "type": "http", "method": "GET", "path": "/a", "raw_path": b"/a", "query_string": b"", "headers": [(b"host", b"a")],
    "http_version": "1.1", "scheme": "http", "client": ("192.0.2.7", 1),
}  # fmt: skip


def test_a_swap_counts_from_the_next_request_on():
    async def story(app, upstream):
        first = Call(app, path="/old")
        first.sends()
        await first.ends()
        retired = snapshot(route("old", "/old", stage="retired", to=None))
        app.swap(replace(retired, revision="r2"))
        second = Call(app, path="/old")
        second.sends()
        await second.ends()
        assert (first.status, second.status) == (200, 410)
        assert app.counters()["revision"] == "r2"

    play(story)


@pytest.mark.parametrize("extensions", [{}, {"websocket.http.response": {}}])
def test_a_websocket_is_refused(extensions):
    async def story(app, upstream):
        sent = []

        async def send(message):
            sent.append(message)

        await app({"type": "websocket", "path": "/ws", "headers": [], "extensions": extensions}, None, send)
        if extensions:
            assert sent[0]["type"] == "websocket.http.response.start"
            assert sent[0]["status"] == 501
            assert sent[1]["type"] == "websocket.http.response.body"
        else:
            assert [message["type"] for message in sent] == ["websocket.close"]
        assert upstream.heads == []

    play(story)


def test_lifespan_starts_and_stops_it():
    async def story(app, upstream):
        incoming, sent = asyncio.Queue(), asyncio.Queue()
        living = asyncio.create_task(app({"type": "lifespan"}, incoming.get, sent.put))
        incoming.put_nowait({"type": "lifespan.startup"})
        assert (await sent.get())["type"] == "lifespan.startup.complete"
        call = Call(app)
        call.sends()
        await call.ends()
        assert app.counters()["gauges"][4][2] == 1, "one connection waits for work"
        incoming.put_nowait({"type": "lifespan.shutdown"})
        assert (await sent.get())["type"] == "lifespan.shutdown.complete"
        await living
        assert app.counters()["gauges"][4][2] == 0

    play(story)
