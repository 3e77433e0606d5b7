import pytest

from extracted_services.chassis.trace import continue_trace, start_trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_callers_trace_is_continued_with_a_span_of_our_own() -> None:
    trace = continue_trace("req-1", f"00-{TRACE}-{SPAN}-01")

    assert (trace.request_id, trace.trace_id, trace.flags) == ("req-1", TRACE, "01")
    assert trace.span_id != SPAN
    assert trace.headers() == {"traceparent": f"00-{TRACE}-{trace.span_id}-01", "x-request-id": "req-1"}


def test_a_later_version_may_say_more() -> None:
    assert continue_trace(None, f"01-{TRACE}-{SPAN}-01-more").trace_id == TRACE


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_what_is_no_traceparent_starts_a_new_trace(traceparent: str | None) -> None:
    trace = continue_trace(None, traceparent)

    assert trace.trace_id not in (TRACE, "0" * 32)
    assert len(trace.trace_id) == 32


@pytest.mark.parametrize("request_id", [None, "", "a b", 'a"b', "a\nb", "a" * 129, "ä"])
def test_what_is_no_request_id_is_replaced(request_id: str | None) -> None:
    assert continue_trace(request_id, None).request_id != request_id


def test_two_traces_differ() -> None:
    assert start_trace().trace_id != start_trace().trace_id
