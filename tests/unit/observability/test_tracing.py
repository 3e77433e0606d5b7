"""Request ids, and trace context continued or started (W3C Trace Context sections 3.2 and 3.3)."""

import re
from itertools import count

import pytest

from proxy.observability.tracing import IdSource, continue_trace, is_request_id, trace_id

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
STATE = (b"tracestate: a=1", b"TraceState: b=2")


def predictable():
    numbers = count()
    return IdSource(lambda size: bytes(next(numbers) % 251 for _ in range(size)))


def test_ids_are_drawn_from_the_bytes_given():
    ids = predictable()
    assert {ids.fresh(), ids.fresh()}.isdisjoint({ids.fresh()})
    assert predictable().fresh() == predictable().fresh()


def test_every_id_is_whole_and_new_across_batches():
    ids = IdSource()
    drawn = [ids.fresh() for _ in range(3000)]
    assert all(re.fullmatch(b"[0-9a-f]{32}", one) for one in drawn)
    assert len(set(drawn)) == len(drawn)


def test_two_sources_do_not_draw_alike():
    assert IdSource().fresh() != IdSource().fresh()


@pytest.mark.parametrize(
    "parent",
    [
        PARENT,
        PARENT[:-1] + b"0",
        PARENT[:-2] + b"ff",
        b"01" + PARENT[2:],
        b"01" + PARENT[2:] + b"-more",
        b"fe" + PARENT[2:],
    ],
)
def test_a_valid_trace_is_continued_untouched_with_its_state(parent):
    lines = continue_trace(parent, STATE)
    assert lines == b"\r\n".join((b"", b"traceparent: " + parent, *STATE))
    assert trace_id(lines) == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "parent",
    [
        b"", b"?", b"ff" + PARENT[2:], PARENT.upper(), PARENT + b"-more", PARENT + b"0", PARENT[:-1],
        b"00-" + b"0" * 32 + PARENT[35:],
        PARENT[:36] + b"0" * 16 + b"-01", PARENT.replace(b"-", b"_"), b" " + PARENT, b"0g" + PARENT[2:],
        b"01" + PARENT[2:] + b"more",
    ],
)  # fmt: skip
def test_a_trace_that_is_missing_or_invalid_is_not_continued_nor_is_its_state(parent):
    assert continue_trace(parent, STATE) == b""


def test_a_trace_of_our_own_is_valid_and_never_the_same():
    ids = IdSource()
    lines = [ids.begin_trace() for _ in range(500)]
    for line in lines:
        found = re.fullmatch(rb"\r\ntraceparent: (00-([0-9a-f]{32})-[0-9a-f]{16}-01)", line)
        assert found
        assert trace_id(line).encode() == found.group(2)
        assert continue_trace(found.group(1), ()) == line
    assert len({trace_id(line) for line in lines}) == 500


@pytest.mark.parametrize("given", [b"a", b"outer-1.2_3", b"x" * 128])
def test_a_plain_request_id_may_be_taken_over(given):
    assert is_request_id(given)


@pytest.mark.parametrize("given", [b"", b"a b", b"a\r\nX: y", b"x" * 129, b"\xe9", b"<script>", b"a\n"])
def test_any_other_request_id_may_not(given):
    assert not is_request_id(given)
