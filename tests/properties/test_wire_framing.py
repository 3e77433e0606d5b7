"""The chunked coding at every split, whole and broken, with a slow reader of the grammar as referee (RFC 9112 7.1)."""

import re

from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.framing import LAST_CHUNK, BadChunk, ChunkedDecoder, encode_chunk

EXTENSIONS = st.sampled_from([b"", b"", b";a", b";a=b", b' ; a="x y"', b"\t;\xe9"])
TRAILERS = st.sampled_from([b"", b"", b"X: 1\r\n", b"X: 1\r\nY:\r\n"])


@st.composite
def bodies(draw):
    """A content, and one of its encodings."""
    chunks = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=5))
    written = b""
    for chunk in chunks:
        size = b"%x" % len(chunk)
        size = b"0" * draw(st.integers(0, 2)) + draw(st.sampled_from([size, size.upper()]))
        written += size + draw(EXTENSIONS) + b"\r\n" + chunk + b"\r\n"
    return b"".join(chunks), written + b"0" + draw(EXTENSIONS) + b"\r\n" + draw(TRAILERS) + b"\r\n"


@st.composite
def split(draw, data):
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if start < end]


def decode(pieces):
    decoder = ChunkedDecoder()
    content = b""
    for at, piece in enumerate(pieces):
        if decoder.done:
            return content, b"".join([decoder.rest, *pieces[at:]])
        content += decoder.feed(piece)
    return content, decoder.rest if decoder.done else None


@given(st.data())
def test_any_split_of_any_encoding_gives_the_content_and_the_rest(data):
    content, written = data.draw(bodies())
    rest = data.draw(st.binary(max_size=10))
    assert decode(data.draw(split(written + rest))) == (content, rest)


@given(st.lists(st.binary(min_size=1, max_size=100), max_size=6))
def test_what_is_written_is_what_is_read(chunks):
    written = b"".join(map(encode_chunk, chunks)) + LAST_CHUNK
    assert decode([written]) == (b"".join(chunks), b"")


@st.composite
def corrupted(draw):
    _, written = draw(bodies())
    at = draw(st.integers(0, len(written) - 1))
    kind = draw(st.sampled_from(["change", "insert", "delete", "swap"]))
    byte = bytes([draw(st.sampled_from(b"\r\n 0123456789abcdefx;:\x00\xff") | st.integers(0, 255))])
    if kind == "change":
        return written[:at] + byte + written[at + 1 :]
    if kind == "insert":
        return written[:at] + byte + written[at:]
    if kind == "delete":
        return written[:at] + written[at + 1 :]
    return written[:at] + written[at + 1 : at + 2] + written[at : at + 1] + written[at + 2 :]


def by_grammar(data):
    """Content and rest, None for what is not complete yet, or an error: the grammar of RFC 9112 section 7.1, slowly."""
    content = b""
    while True:
        line = re.match(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n", data)
        if line is None:
            return None
        size, data = int(line.group(1), 16), data[line.end() :]
        if not size:
            trailers = re.match(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n", data)
            return None if trailers is None else (content, data[trailers.end() :])
        if data[size : size + 2] != b"\r\n":
            return None
        content, data = content + data[:size], data[size + 2 :]


@given(st.data())
def test_a_corrupted_body_is_refused_or_read_as_the_grammar_reads_it(data):
    written = data.draw(corrupted())
    expected = by_grammar(written)
    for pieces in ([written], data.draw(split(written))):
        try:
            content, rest = decode(pieces)
        except BadChunk:
            assert expected is None
        else:
            assert expected == (None if rest is None else (content, rest))


@given(st.data())
def test_a_body_is_judged_alike_at_every_split(data):
    written = data.draw(corrupted())

    def judge(pieces):
        try:
            return decode(pieces)
        except BadChunk:
            return "refused"

    assert judge([written]) == judge(data.draw(split(written)))
