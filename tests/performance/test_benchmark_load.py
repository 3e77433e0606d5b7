"""What the load generators report, and that no failure of theirs passes for a result."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from benchmarks.load import LoadResult, read_result
from benchmarks.paced import content_length, paced_latencies, request
from benchmarks.peer import fill, first_version
from benchmarks.processes import BenchmarkError, choose_cores
from benchmarks.scenarios import VISITOR, VISITORS

LINE = (
    '{"requests":120,"microseconds":2000000,"p50_us":11.5,"p99_us":99.0,'
    '"errors":{"connect":0,"read":%d,"write":0,"status":%d,"timeout":0}}\n'
)


def test_the_last_line_of_the_output_is_the_result() -> None:
    seen = read_result("Running 2s test\n  12 requests\n" + LINE % (0, 0))

    assert (seen.requests, seen.seconds, seen.p50_us, seen.p99_us) == (120, 2.0, 11.5, 99.0)
    assert seen.failure is None


def test_any_error_is_a_failure_that_names_its_kind() -> None:
    assert read_result(LINE % (2, 5)).failure == "errors: 2 read, 5 status"


def test_a_run_without_a_single_answer_is_a_failure() -> None:
    assert LoadResult(requests=0, seconds=2.0, p50_us=0.0, p99_us=0.0, errors={}).failure == "no request was answered"


@pytest.mark.parametrize("output", ["", "unable to connect\n", "[]\n", "{}\n"])
def test_output_that_is_no_result_is_an_error(output: str) -> None:
    with pytest.raises(BenchmarkError, match="nothing that can be read"):
        read_result(output)


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], int]]:
    """Starts an HTTP server in a thread that gives one fixed answer to every request head, and says its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers: list[asyncio.Server] = []

    def start(answer: bytes) -> int:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(answer)
            except asyncio.IncompleteReadError:
                writer.close()

        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(connected, "127.0.0.1", 0), loop).result(5)
        servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    yield start

    async def close() -> None:
        for server in servers:
            server.close()
            await server.wait_closed()

    asyncio.run_coroutine_threadsafe(close(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_the_paced_client_sends_as_many_requests_as_it_was_told(serve: Callable[[bytes], int]) -> None:
    port = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc")

    latencies, errors = paced_latencies(port, "/", rate=500, seconds=0.1)

    assert len(latencies) == 50
    assert min(latencies) > 0
    assert not any(errors.values())


def test_the_paced_client_counts_answers_that_are_not_200(serve: Callable[[bytes], int]) -> None:
    port = serve(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")

    latencies, errors = paced_latencies(port, "/", rate=500, seconds=0.02)

    assert (latencies, errors["status"]) == ([], 10)


def test_visitors_differ_in_cookie_and_trace_alone() -> None:
    first, second = (request(8080, "/", visitor).split(b"\r\n") for visitor in (1, 2))

    differing = [line.partition(b":")[0] for line, other in zip(first, second, strict=True) if line != other]

    assert differing == [b"Cookie", b"traceparent"]
    assert len({request(8080, "/", visitor) for visitor in range(1, VISITORS + 1)}) == VISITORS
    assert VISITOR.encode() not in request(8080, "/", 1)


def test_content_length_is_found_in_any_case_and_its_absence_is_an_error() -> None:
    assert content_length(b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 12") == 12
    with pytest.raises(ValueError, match="Content-Length"):
        content_length(b"HTTP/1.1 200 OK\r\nserver: x")


def test_one_core_is_refused_and_the_proxy_has_its_own() -> None:
    assert choose_cores([0, 1]) == choose_cores((0, 1))
    assert (choose_cores([2, 3, 4, 5]).proxy, choose_cores([2, 3, 4, 5]).load) == ("2", "3,4")
    with pytest.raises(BenchmarkError, match="two cores"):
        choose_cores([0])


def test_a_template_keeps_braces_and_dollars() -> None:
    assert fill("server { listen @port@; set $a ${b}; }", port=80) == "server { listen 80; set $a ${b}; }"


@pytest.mark.parametrize(
    ("text", "version"),
    [("nginx version: nginx/1.22.1", "1.22.1"), ("v2.10.0 h1:abc=", "2.10.0"), ("nothing", "?")],
)
def test_a_version_is_found_in_what_a_program_says(text: str, version: str) -> None:
    assert first_version(text) == version
