"""The client side of the wire: how answers are read, and when a connection may be used again (RFC 9112 section 6)."""

import pytest

from proxy.config.model import Endpoint, UpstreamTls
from proxy.forwarding.pool import EndpointKey, EndpointPool
from proxy.forwarding.upstream import MAX_INTERIM, UpstreamConnection
from proxy.observability.counters import Counters
from tests.support.wire_text import answer
from tests.unit.forwarding.upstream_side import AtOnce, Receiver, Transport


def connect(receiver=None):
    pool = EndpointPool(EndpointKey(Endpoint("http", "a", 80), UpstreamTls()), Counters(), lambda: 0.0)
    pool.cork = AtOnce()
    connection = UpstreamConnection(pool)
    connection.connection_made(Transport(connection))
    if receiver is not None:
        receiver.ask(connection)
    return connection


def tell(*pieces, method="GET"):
    receiver = Receiver(method)
    connection = connect(receiver)
    for piece in pieces:
        connection.data_received(piece)
    return receiver, connection


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

ANSWERS = [
    (answer(), "GET", "head 200 length", b"ok"),
    (answer(body=b""), "GET", "head 200 none", b""),
    (answer("200 OK", "Content-Length: 9", body=None), "HEAD", "head 200 none", b""),
    (answer("204 No Content", body=None), "DELETE", "head 204 none", b""),
    (answer("304 Not Modified", "Content-Length: 9", body=None), "GET", "head 304 none", b""),
    (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", "GET", "head 200 chunked", b"ok"),
    (CHUNKED + b"0\r\n\r\n", "GET", "head 200 chunked", b""),
    (CHUNKED, "HEAD", "head 200 none", b""),
]


@pytest.mark.parametrize(("data", "method", "told", "content"), ANSWERS)
def test_an_answer_is_read_to_its_end_and_the_connection_kept(data, method, told, content):
    for pieces in ((data,), tuple(data[at : at + 1] for at in range(len(data)))):
        receiver, connection = tell(*pieces, method=method)
        assert (receiver.told, receiver.content) == ([told, "end"], content)
        assert connection.pool.idle == 1


@pytest.mark.parametrize(("data", "method", "told", "content"), ANSWERS)
def test_an_answer_with_something_behind_it_is_the_connections_last(data, method, told, content):
    receiver, connection = tell(data + b"H", method=method)
    assert (receiver.told, receiver.content) == ([told, "end"], content)
    assert connection.pool.idle == 0
    assert connection.transport.aborted


@pytest.mark.parametrize(
    "data",
    [
        answer("200 OK", "Connection: close"),
        answer(version="1.0"),
        answer("200 OK", "Connection: keep-alive", version="1.0"),
    ],
)
def test_an_answer_that_says_so_is_the_connections_last(data):
    receiver, connection = tell(data)
    assert receiver.told == ["head 200 length", "end"]
    assert connection.transport.aborted


def test_an_answer_until_the_close_ends_with_it():
    receiver, connection = tell(b"HTTP/1.1 200 OK\r\n\r\nab", b"cd")
    assert receiver.told == ["head 200 close"]
    connection.eof_received()
    connection.connection_lost(None)
    assert (receiver.told[-1], receiver.content) == ("end", b"abcd")
    assert connection.pool.idle == 0


def test_an_answer_until_the_close_does_not_end_without_a_goodbye():
    # RFC 9112 section 9.8: with TLS, a FIN alone is no closure alert
    receiver, connection = tell(b"HTTP/1.1 200 OK\r\n\r\nab")
    connection.connection_lost(None)
    assert receiver.told == ["head 200 close", "lost"]


def test_an_answer_until_the_close_does_not_end_with_a_reset():
    receiver, connection = tell(b"HTTP/1.1 200 OK\r\n\r\nab")
    connection.connection_lost(ConnectionResetError())
    assert receiver.told == ["head 200 close", "lost"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", ["lost silent"]),
        (b"H", ["lost"]),
        (b"HTTP/1.1 100 Continue\r\n\r\n", ["interim 100", "lost"]),
        (answer()[:-1], ["head 200 length", "lost"]),
        (CHUNKED + b"2\r\nok\r\n0\r\n", ["head 200 chunked", "lost"]),
    ],
)
def test_a_lost_connection_says_whether_anything_was_heard(data, told):
    receiver, connection = tell(*([data] if data else []))
    connection.connection_lost(None)
    assert receiver.told == told


@pytest.mark.parametrize("data", [b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", b"HTTP/1.1 200 OK\r\nA: b\n"])
def test_a_head_whose_lines_end_wrongly_is_broken_at_once_at_every_split(data):
    for at in range(1, len(data)):
        receiver, connection = tell(data[:at], data[at:])
        assert receiver.told == ["broken"]
        assert connection.transport.aborted


def test_an_exchange_that_did_not_end_cleanly_gives_nothing_back():
    _, connection = tell(answer(body=b"0123")[:-1])
    connection.end(reusable=False, now=0.0)
    assert connection.pool.idle == 0
    assert connection.transport.aborted


def test_one_connection_serves_one_exchange_after_another():
    connection = connect()
    for method, data in (("GET", answer()), ("HEAD", answer(body=None)), ("GET", CHUNKED + b"1\r\na\r\n0\r\n\r\n")):
        receiver = Receiver(method)
        receiver.ask(connection)
        connection.data_received(data)
        assert receiver.told[-1] == "end"
        assert connection.pool.take(repeatable=True) is connection
    assert connection.transport.written == b"request" * 3


def test_like_heads_of_unlike_methods_are_read_by_their_own_rules():
    connection = connect()
    for method, told in (("GET", "head 200 length"), ("HEAD", "head 200 none"), ("GET", "head 200 length")):
        receiver = Receiver(method)
        receiver.ask(connection)
        connection.data_received(answer(body=b"" if method == "HEAD" else b"ok").replace(b": 0", b": 2"))
        assert receiver.told == [told, "end"]


def test_bytes_that_nobody_asked_for_close_the_connection():
    connection = connect()
    connection.data_received(b"H")
    assert connection.transport.aborted


def test_interim_answers_are_told_apart_and_bounded():
    interim = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    receiver, _ = tell(interim * MAX_INTERIM + answer())
    assert receiver.told == ["interim 103"] * MAX_INTERIM + ["head 200 length", "end"]
    receiver, connection = tell(interim * (MAX_INTERIM + 1) + answer())
    assert receiver.told[-1] == "broken"
    assert connection.transport.aborted


def test_a_switch_takes_the_bytes_behind_it_along():
    receiver, _ = tell(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nframe")
    assert receiver.told == ["switch b'frame'"]


@pytest.mark.parametrize(
    "pieces",
    [
        (b"X",), (b"H", b"ELLO"), (b"HTTP/2",), (b"\r\n",), (b"HTTP/1.1 200 OK\nA: b\n\n\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",), (CHUNKED + b"x",  b"\r\n"), (CHUNKED, b"1\r\nab\r\n"),
    ],
)  # fmt: skip
def test_what_is_no_http_breaks_the_exchange_and_the_connection(pieces):
    receiver, connection = tell(*pieces)
    assert receiver.told[-1] == "broken"
    assert connection.transport.aborted


def test_garbage_is_seen_before_a_head_could_be_complete():
    receiver, _ = tell(b"SSH-2.0-x")
    assert receiver.told == ["broken"]


def test_back_pressure_reaches_the_exchange_only_while_there_is_one():
    connection = connect()
    connection.pause_writing()
    connection.resume_writing()
    receiver = Receiver()
    receiver.ask(connection)
    connection.pause_writing()
    connection.resume_writing()
    assert receiver.told == ["full", "drained"]
