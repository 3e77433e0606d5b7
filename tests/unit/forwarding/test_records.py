"""What the access log is told of a request that was refused; of those that were decided `test_exchange` tells."""

from proxy.forwarding.records import record_of_refusal
from proxy.wire.refusal import Refusal


def test_of_a_head_that_was_not_understood_nothing_is_told_but_who_sent_it() -> None:
    record = record_of_refusal(Refusal(400, "bad_head", "two Hosts"), "203.0.113.9", b"id-1", "r1")
    assert (record.method, record.host, record.path, record.route, record.trace_id) == ("-", "-", "-", "-", "-")
    assert (record.status, record.outcome, record.side) == (400, "bad_head", "none")
    assert (record.client, record.request_id, record.revision) == ("203.0.113.9", "id-1", "r1")
