"""Whatever there is a bound of is used up: places at an upstream, open files, connections, a client's rate.

Each time: those who are too many are told so in so many words, what is held stays bounded, and all is well afterwards
without a restart. At any length: the tests of CI and those of `make chaos` play the same.
"""

import asyncio
import contextlib
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.accounting import resident_bytes
from tests.e2e.failing import file
from tests.support.frail_upstream import Frail
from tests.support.marked_upstream import MarkedUpstream
from tests.support.messages import DEADLINE
from tests.support.paced_load import Caller, Shot
from tests.support.processes import Process, strangler
from tests.support.server import Server, serving

KIB = 1024
MANY_FILES = 256
REFUSED = {(503, "connection_limit")}


async def fill_the_bulkhead(folder: Path) -> None:
    """Thirty at once where four may be and four may wait."""
    async with MarkedUpstream.running("monolith") as monolith:
        bulkhead = "bulkhead: { max_in_flight: 4, queue: 4, max_wait: 60s }"
        with serving(folder, file(f'  monolith: {{ url: "{monolith.url}", {bulkhead} }}')) as server:
            for number in range(1, 4):
                asking = asyncio.create_task(at_once(server.public, 30, "/api/held", "&hold"))
                await asyncio.to_thread(
                    server.wait_until,
                    lambda told=22 * number: (
                        server.metric("strangler_upstream_held_off_total", outcome="bulkhead_full") == told
                    ),
                )
                assert len(monolith.seen) <= 8 * number - 4, "who had to wait did not"
                monolith.release.set()
                shots = await asking
                monolith.release.clear()
                codes = Counter((shot.status, shot.outcome) for shot in shots)
                assert codes == {(200, ""): 8, (503, "bulkhead_full"): 22}
                assert all(int(shot.fields["retry-after"]) >= 1 for shot in shots if shot.status == 503)
                assert len(monolith.seen) == 8 * number
            await asyncio.to_thread(server.wait_until, lambda: server.metric("strangler_requests_in_flight") == 0)


async def at_once(port: int, count: int, path: str, query: str = "") -> list[Shot]:
    callers = [Caller(port) for _ in range(count)]
    shots = await asyncio.gather(*(caller.ask("GET", path, f"{n}{query}") for n, caller in enumerate(callers)))
    for caller in callers:
        caller.close()
    return shots


@contextlib.contextmanager
def with_few_files(folder: Path, text: str) -> Iterator[Server]:
    """`strangler serve` that may open no more than `MANY_FILES` files in each of its processes."""
    (folder / "routes.yaml").write_text(text)
    limited = ["sh", "-c", f'ulimit -n {MANY_FILES}; exec "$@"', "sh", *strangler(), "serve"]
    process = Process.start(limited, log=folder / "log", cwd=folder)
    try:
        yield Server(process, folder)
    finally:
        process.stop()


async def use_up_the_files(folder: Path, *, clients: int) -> None:
    """More clients than there are files for, first silent and then at work: some served, the others told why not."""
    with Frail.running(folder, "monolith", "other") as (monolith, other):
        text = file(
            f'  monolith: {{ url: "{monolith.url}" }}\n  other: {{ url: "{other.url}" }}',
            "  - { name: other, match: /other/**, to: other, stage: cutover }",
        )
        with with_few_files(folder, text) as server:
            (said,) = server.log("file_limit_low")
            assert said["connections"] == (MANY_FILES - 64) // 2
            for _ in range(2):
                await crowd(server, clients, said["connections"])
                await asyncio.to_thread(server.wait_until, lambda: server.metric("strangler_connections") == 0)
            shots = await at_once(server.public, 20, "/other/items")  # idle connections to the one are in the way
            assert all(shot.answered for shot in shots)
            assert [line for line in server.process.output.splitlines() if "Too many open files" in line] == []


async def crowd(server: Server, clients: int, places: int) -> None:
    """They come at once and stay; then those who are served ask, all at once, both upstreams."""
    came = [await asyncio.open_connection("127.0.0.1", server.public) for _ in range(clients)]
    hearing = [asyncio.create_task(hear(reader)) for reader, _ in came]
    await asyncio.to_thread(server.wait_until, lambda: sum(one.done() for one in hearing) >= clients - places)
    sent_away = [one.result() for one in hearing if one.done()]
    served = [streams for streams, one in zip(came, hearing, strict=True) if not one.done()]
    for one in hearing:
        one.cancel()
    await asyncio.wait(hearing)
    told = Counter(said.partition(b"\r\n")[0] for said in sent_away)
    assert told == {b"HTTP/1.1 503 Service Unavailable": clients - places}
    assert all(b"urn:strangler:connection_limit" in said and b"Retry-After: 1" in said for said in sent_away)
    for path in (b"/api/late", b"/other/late", b"/api/items"):
        for _, writer in served:
            writer.write(b"GET %b HTTP/1.1\r\nHost: shop.example\r\n\r\n" % path)
        for reader, _ in served:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE)
            assert head.startswith(b"HTTP/1.1 200 ")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
    for _, writer in came:
        writer.close()


async def hear(reader: asyncio.StreamReader) -> bytes:
    """What is said to somebody who is sent away; who is served hears nothing."""
    try:
        return await reader.read() or b"closed without a word"
    except ConnectionError as error:
        return repr(error).encode()


async def answer_wrongly(folder: Path, *, rounds: int) -> None:
    """Answers that are reset inside and answers that are none: no client takes one for a good one, none is harmed."""
    with Frail.running(folder, "monolith") as (monolith,), serving(folder, plainly(monolith)) as server:
        callers = [Caller(server.public) for _ in range(9)]
        paths = ("/api/cut", "/api/garbage", "/api/items")
        for turn in range(rounds):
            asked = [(caller, paths[(number + turn) % 3]) for number, caller in enumerate(callers)]
            shots = await asyncio.gather(*(caller.ask("GET", path) for caller, path in asked))
            told = {(shot.path, shot.status, shot.whole, shot.outcome) for shot in shots}
            assert told == {
                ("/api/cut", 200, False, ""),
                ("/api/garbage", 502, True, "bad_answer"),
                ("/api/items", 200, True, ""),
            }
        for caller in callers:
            caller.close()
        for outcome in ("truncated", "bad_answer"):
            await asyncio.to_thread(
                server.wait_until,
                lambda outcome=outcome: (
                    server.metric("strangler_upstream_failures_total", outcome=outcome) == 3 * rounds
                ),
            )
        assert server.metric("strangler_upstream_connections") <= len(callers)


def plainly(monolith: Frail, *, listen: str = "") -> str:
    return file(f'  monolith: {{ url: "{monolith.url}" }}', listen=listen)


async def keep_still(folder: Path, *, clients: int) -> None:
    """As many silent clients as may be, and a hundred more. It says what each costs."""
    limits = f", limits: {{ connections: {clients} }}"
    with Frail.running(folder, "monolith") as (monolith,), serving(folder, plainly(monolith, listen=limits)) as server:
        pid = server.workers()[0]["pid"]
        before = resident_bytes(pid)
        idle = [await connect(server.public) for _ in range(clients)]
        await asyncio.to_thread(server.wait_until, lambda: server.metric("strangler_connections") == clients)
        each = (resident_bytes(pid) - before) / clients / KIB
        print(f"{clients} idle clients: {each:.1f} KiB each")
        assert each < 32
        shots = await at_once(server.public, 100, "/api/items")
        assert {(shot.status, shot.outcome) for shot in shots} == REFUSED
        assert all(shot.fields["retry-after"] == "1" for shot in shots)
        for one in idle[:50]:
            one.close()
        await asyncio.to_thread(server.wait_until, lambda: server.metric("strangler_connections") == clients - 50)
        assert all(shot.answered for shot in await at_once(server.public, 50, "/api/items"))
        for one in idle:
            one.close()
        assert server.metric("strangler_connections_refused_total") == 100


async def connect(port: int) -> socket.socket:
    client = socket.socket()
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
    return client


async def ask_too_often(folder: Path, *, workers: int) -> None:
    """Five a second, and six at once, of a route: of the whole server, however many workers it has."""
    rate, burst = 5, 6
    with Frail.running(folder, "monolith") as (monolith,):
        routes = f"  - {{ name: items, match: /api/**, rate_limit: {{ rate: {rate}/s, burst: {burst} }} }}"
        text = file(f'  monolith: {{ url: "{monolith.url}" }}', routes)
        with serving(folder, text, "--workers", str(workers)) as server:
            began = time.monotonic()
            shots = [shot for _ in range(5) for shot in await at_once(server.public, 20, "/api/items")]
            allowed = sum(shot.answered for shot in shots)
            most = burst + rate * (time.monotonic() - began) + workers  # a part of a token, in each worker
            print(f"{workers} workers: {allowed} of {len(shots)} requests allowed, at most {most:.1f} may be")
            assert burst / workers <= allowed <= most
            assert allowed == len(monolith.records)
            refused = [shot for shot in shots if not shot.answered]
            assert {(shot.status, shot.outcome) for shot in refused} == {(429, "rate_limited")}
            wait = {int(shot.fields["retry-after"]) for shot in refused}
            assert wait == {1}
            await asyncio.sleep(1)
            assert (await at_once(server.public, 1, "/api/items"))[0].answered
