"""What the access log is told of a request: which fields of an exchange, or of a refusal, its line has.

Whether there is a line at all is the forwarder's to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.observability.access_log import AccessRecord
from proxy.observability.tracing import trace_id

if TYPE_CHECKING:
    from proxy.forwarding.exchange import Exchange
    from proxy.forwarding.outcome import Outcome
    from proxy.wire.refusal import Refusal


def record_of(exchange: Exchange, outcome: Outcome, now: float) -> AccessRecord:
    """A request that was decided, and has ended at `now`."""
    decision, head, pool = exchange.plan.decision, exchange.head, exchange.pool
    return AccessRecord(
        method=head.method,
        host=head.host,
        path=head.path,
        status=exchange.status,
        route=decision.route,
        side=decision.side.value,
        reason=decision.reason.value,
        upstream=decision.upstream,
        endpoint=pool.name if pool else None,
        outcome=outcome.value,
        client=exchange.origin.client(head),
        request_id=exchange.request_id.decode("ascii"),
        trace_id=trace_id(exchange.trace),
        bytes_sent=exchange.bytes_sent,
        duration=now - exchange.started,
        upstream_duration=None if exchange.head_at is None else exchange.head_at - exchange.started,
        revision=exchange.origin.active.snapshot.revision,
    )


def record_of_refusal(refusal: Refusal, peer: str, request_id: bytes, revision: str) -> AccessRecord:
    """A request that is not forwarded. Of one that was not understood nothing is logged."""
    head = refusal.head
    return AccessRecord(
        method=head.method if head else "-",
        host=head.host if head else "-",
        path=head.path if head else "-",
        status=refusal.status,
        route="-",
        side="none",
        reason="-",
        upstream=None,
        endpoint=None,
        outcome=refusal.outcome,
        client=peer,
        request_id=request_id.decode("ascii"),
        trace_id="-",
        bytes_sent=0,
        duration=0.0,
        upstream_duration=None,
        revision=revision,
    )
