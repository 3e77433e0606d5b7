"""Chunked bodies: what is read, what is refused, what is written (RFC 9112 section 7.1)."""

import pytest

from proxy.wire.framing import LAST_CHUNK, BadChunk, ChunkedDecoder, encode_chunk


def decode(*pieces):
    decoder = ChunkedDecoder()
    content = b"".join(decoder.feed(piece) for piece in pieces)
    return content, decoder.done, decoder.rest


def test_a_chunk_is_its_size_in_hexadecimal_and_its_data():
    assert encode_chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert LAST_CHUNK == b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b"0\r\n\r\n", b""),
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world"),
        (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"a\r\n0123456789\r\n000\r\n\r\n", b"0123456789"),
        (b"0005\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"5;a\r\nhello\r\n0;b=c\r\n\r\n", b"hello"),
        (b'5 ; a="\xe9;"\r\nhello\r\n0\r\n\r\n', b"hello"),
        (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
        (b"1\r\na\r\n0\r\nX-Sum: 1\r\nY: \r\n\r\n", b"a"),
    ],
)
def test_a_well_formed_body_gives_its_content(body, content):
    assert decode(body) == (content, True, b"")
    assert decode(*(body[at : at + 1] for at in range(len(body)))) == (content, True, b"")


@pytest.mark.parametrize("line", [b"5 ", b"5\t \t", b"5  ;a=b", b"5 ;a"])
def test_a_padded_size_is_read_where_that_is_allowed(line):
    body = line + b"\r\nhello\r\n0  \r\n\r\n"
    decoder = ChunkedDecoder(padded=True)
    assert decoder.feed(body) == b"hello"
    assert decoder.done
    with pytest.raises(BadChunk):
        ChunkedDecoder().feed(body)


def test_bytes_behind_the_body_are_kept_apart():
    assert decode(b"1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n") == (b"a", True, b"GET / HTTP/1.1\r\n")
    assert decode(b"1\r\na\r\n0\r\n", b"T: 1\r\n\r\nrest") == (b"a", True, b"rest")


def test_a_body_is_not_done_before_its_last_line():
    for body in (
        b"",
        b"5",
        b"5\r\n",
        b"5\r\nhello",
        b"5\r\nhello\r",
        b"5\r\nhello\r\n0\r\n",
        b"0\r\n\r",
        b"0\r\nA: b\r\n",
    ):
        assert decode(body)[1:] == (False, b"")


def test_content_is_given_as_it_comes():
    decoder = ChunkedDecoder()
    assert decoder.feed(b"a\r\n012") == b"012"
    assert decoder.feed(b"3456") == b"3456"
    assert decoder.feed(b"789") == b"789"
    assert decoder.feed(b"\r\n1") == b""
    assert decoder.feed(b"\r\nx\r\n0\r\n\r\n") == b"x"
    assert decoder.done


@pytest.mark.parametrize(
    "body",
    [
        b"\r\n", b"\n", b"x\r\n", b"-1\r\n", b"+1\r\na", b"0x1\r\na", b" 1\r\na", b"1 \r\na", b"1_0\r\n", b"g\r\n",
        b";a\r\n",
        b"1\na\r\n", b"1\r\na\n0\r\n\r\n", b"1\r\na0\r\n\r\n", b"1\r\nab\r\n", b"1\r\na\r\r\n", b"1\r\na\r0",
        b"1\rx\r\na\r\n", b"1;\x00\r\na\r\n", b"1;a\rb\r\na\r\n", b"1;a\nb\r\na", b"1 a\r\n",
        b"1" * 16 + b"\r\n", b"ffffffffffffffff\r\n", b"0\n\n", b"0\r\n\n", b"0\r\n: a\r\n\r\n",
        b"0\r\n folded\r\n\r\n",
        b"0\r\nA: b\n\r\n", b"0\r\nA : b\r\n\r\n", b"0\r\nno colon\r\n\r\n", b"0\r\nA: \x00\r\n\r\n",
        b"0\r\nGET / HTTP/1.1\r\n",
    ],
)  # fmt: skip
def test_a_body_that_is_not_properly_chunked_is_refused_at_every_split(body):
    with pytest.raises(BadChunk):
        decode(body)
    for at in range(1, len(body)):
        with pytest.raises(BadChunk):
            decode(body[:at], body[at:])


@pytest.mark.parametrize("fill", [b"1" * 600, b"1;" + b"a" * 600])
@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_a_size_line_that_does_not_end_is_refused(fill, end):
    with pytest.raises(BadChunk):
        decode(fill + end)


@pytest.mark.parametrize("trailers", [b"A: " + b"x" * 17000, b"A: " + b"x" * 17000 + b"\r\n", b"A: bbbbbbb\r\n" * 2000])
def test_trailers_are_bounded(trailers):
    with pytest.raises(BadChunk):
        decode(b"0\r\n" + trailers)
    with pytest.raises(BadChunk):
        decode(b"0\r\n", *(trailers[at : at + 100] for at in range(0, len(trailers), 100)))
