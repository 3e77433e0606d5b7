"""Heads read by the shape of the one before them mean what they mean line by line, or are refused alike."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.refusal import Refusal
from proxy.wire.request import RequestParser
from tests.properties.test_wire_heads import mutated

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LINES = [
    [b"Accept: */*", b"Accept: text/html"],
    [b"User-Agent: curl/8", b"User-Agent:curl/7", b"user-agent: curl/8"],
    [b"Cookie: a=1; b=2", b"Cookie: a=\xe9", b"Cookie:"],
    [b"traceparent: " + TRACE, b"traceparent: " + TRACE[:-1] + b"0", b"traceparent: 00-1", b"Traceparent: " + TRACE],
    [b"traceparent: 01-" + TRACE[3:] + b"-more"],
    [b"traceparent:", b"traceparent: "],
    [b"Content-Length: 5", b"Content-Length: 17", b"Content-Length: 05", b"Content-Length: 0", b"Content-Length: x"],
    [b"Content-Type: text/plain", b"Content-Type: application/grpc", b"Content-Type: text/html"],
    [b"Expect: 100-continue"],
    [b"Connection: keep-alive", b"Connection: close", b"Connection: accept"],
    [b"TE: trailers", b"TE: gzip"],
    [b"Keep-Alive: 5", b"Keep-Alive: 6"],
    [b"X_Forwarded_For: 1"],
    [b"X-Forwarded-For: 192.0.2.1"],
    [b"X-Request-Id: a", b"X-Request-Id: b"],
    [b"Max-Forwards: 3"],
    [b"X: 1", b"X: 2", b"X : 1", b" X: 1"],
    [b"Transfer-Encoding: chunked"],
    [b"Host: a", b"Host: b"],
]
FIRST = st.sampled_from([b"GET / HTTP/1.1", b"POST /a?b HTTP/1.1", b"OPTIONS / HTTP/1.1", b"GET /%61 HTTP/1.1"])
VERSIONS = st.sampled_from([b"GET / HTTP/1.0", b"GET http://b/ HTTP/1.1"])


@st.composite
def alike(draw):
    """Heads with lines of the same names in the same order, mostly."""
    kinds = [[b"Host: a:81"], *draw(st.lists(st.sampled_from(LINES), max_size=7))]
    kinds = draw(st.permutations(kinds))
    first = draw(FIRST)
    heads = [b"\r\n".join((first, *(draw(st.sampled_from(kind)) for kind in kinds))) for _ in range(4)]
    other = b"\r\n".join((draw(FIRST | VERSIONS), *(draw(st.sampled_from(kind)) for kind in kinds)))
    return [*heads, draw(mutated(st.just(heads[0]))), other, heads[0]]


def read(parser, block, previous=None):
    """What a head means, and the head; or why it is refused."""
    try:
        head = parser.parse(block, previous)
    except Refusal as refusal:
        return (refusal.status, refusal.outcome, refusal.detail), previous
    fields = head.fields
    meaning = [getattr(fields, name) for name in ("raw", "block", "lines", "host", "host_line", "host_value")]
    meaning += [fields.traceparent, fields.trace, fields.content_length, fields.chunked, fields.extras]
    return (head.method, head.path, head.query, head.plain_line, head.http11, head.keep_alive, *meaning), head


@given(alike())
def test_fields_read_by_shape_mean_what_they_mean_line_by_line(blocks):
    parser, previous = RequestParser(), None
    parser.shapes.PACE = 1
    for block in blocks * 2:
        told, previous = read(parser, block, previous)
        assert told == read(RequestParser(), block)[0]
