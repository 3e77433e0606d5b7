"""One request that is copied, its answer, and the answers to its copies, until all can be handed over to be compared.

A pair only listens to the request: it delays nothing and holds nothing up. What it cannot keep within its bounds, and
what it cannot learn, ends it, under a reason that is counted. No client ever sees what a copy was answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from proxy import clock
from proxy.config.compare import SAFE_METHODS
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.outcome import REFUSALS, Outcome
from proxy.wire.exchange import AGAIN, CapturedAnswer, CapturedRequest, Fields
from proxy.wire.exchange import Exchange as Captured
from proxy.wire.framing import BadChunk, ChunkedDecoder

if TYPE_CHECKING:
    from proxy.forwarding.mirror import PairPlan
    from proxy.forwarding.tries import Client
    from proxy.forwarding.upstream import UpstreamConnection
    from proxy.wire.head import RequestHead
    from proxy.wire.problem import LocalAnswer
    from proxy.wire.response import Body, ResponseHead


class End(StrEnum):
    """What became of a request that could have been copied: a closed set, the label of `strangler_shadow_total`.

    Besides these, a copy that was not answered counts as what became of it (`connect_error`, `response_timeout`, …).
    """

    ANSWERED = "answered"  # and handed over
    NOT_SAMPLED = "not_sampled"
    NOT_COMPARED = "not_compared"  # not in the sample that is compared, or nobody here compares
    UNSAFE_METHOD = "unsafe_method"  # a write, which is sent to one side once
    UPGRADE = "upgrade"
    REQUEST_TOO_LARGE = "request_too_large"
    ANSWER_TOO_LARGE = "answer_too_large"
    ENDLESS = "endless"  # an event stream
    QUEUE_FULL = "queue_full"  # too many copies are under way; the oldest of those that wait was dropped
    MEMORY_FULL = "memory_full"
    EARLY_ANSWER = "early_answer"  # it came before the request's end, which nobody reads then
    NO_ANSWER = "no_answer"  # the client itself got none from the side it was sent to
    FELL_BACK = "fell_back"  # the other side answered the client
    LINK_FULL = "link_full"  # nobody takes the answers to compare them
    GONE = "gone"  # the route is not mirrored any more


class Keeper(Protocol):
    """Who wants pairs: they may take memory and a place as it says, and it is told what became of each."""

    @property
    def again_share(self) -> float: ...

    def offer_soon(self, pair: Pair) -> None: ...

    def leave(self) -> None: ...

    def hold(self, size: int) -> bool: ...

    def release(self, size: int) -> None: ...

    def hand_over(self, pair: Captured, failure: str | None) -> bool: ...

    def count(self, outcome: str) -> None: ...


class AnswerInParts:
    """An answer as it comes."""

    __slots__ = ("_body", "head", "started")

    def __init__(self, head: ResponseHead, data: bytes, started: float) -> None:
        self.head = head
        self.started = started
        self._body = bytearray(data)  # not the pieces: many small ones take many times the memory that is counted

    def add(self, data: bytes) -> None:
        self._body += data

    @property
    def size(self) -> int:
        return len(self._body)

    def whole(self, now: float) -> CapturedAnswer:
        head = self.head
        return CapturedAnswer(head.status, _fields(head.lines), bytes(self._body), now - self.started)


class Pair:
    """Lives until it has ended, which it does once."""

    def __init__(self, mirror: Keeper, plan: PairPlan, exchange: Exchange) -> None:
        self.ended = False
        self.under_way = False  # copies have been sent, and hold a place
        self._mirror = mirror
        self._plan = plan
        self._exchange = exchange
        self._at = clock.now()
        self._held = 0  # bytes of bodies
        self._body = bytearray()
        self._primary: AnswerInParts | None = None
        self._parts: dict[str, AnswerInParts] = {}
        self._asked: dict[str, Exchange] = {}
        self._answers: dict[str, CapturedAnswer] = {}
        self._failure: Outcome | None = None  # of the copy to the other side

    # the request

    def add_body(self, data: bytes) -> None:
        if data and not self.ended:
            self._body += data
            self._keep(len(data), len(self._body), End.REQUEST_TOO_LARGE)

    def request_is_whole(self) -> None:
        self._mirror.offer_soon(self)

    def send(self) -> None:
        """Ask the other side, and perhaps the same one again, for what the client asked."""
        exchange = self._exchange
        forwarder = exchange.forwarder
        now = forwarder.monotonic()
        self.under_way = True
        for role, plan in self._plan.copies.items():
            if role == AGAIN and (exchange.method not in SAFE_METHODS or clock.draw() >= self._mirror.again_share):
                continue
            copy = Exchange(forwarder, Copyist(self, role), exchange.head, plan, exchange.origin, now)
            copy.trace, copy.request_id = exchange.trace, exchange.request_id
            self._asked[role] = copy
        for copy in tuple(self._asked.values()):
            if not self.ended:
                copy.start(bytes(self._body), True)

    # the client's answer

    def begin_primary(self, head: ResponseHead, data: bytes, last: bool) -> None:
        if self.ended:
            return
        if self._exchange.plan.decision.side.value != self._plan.primary:
            self.end(End.FELL_BACK)
            return
        self._primary = AnswerInParts(head, data, self._exchange.started)
        self._begun(self._primary)
        if last:
            self._primary_whole()

    def add_primary(self, data: bytes, last: bool) -> None:
        if self.ended or self._primary is None:
            return
        self._primary.add(data)
        self._keep(len(data), self._primary.size, End.ANSWER_TOO_LARGE)
        if last:
            self._primary_whole()

    def _primary_whole(self) -> None:
        if self.ended or self._primary is None:
            return
        if not self._exchange.request_done:
            self.end(End.EARLY_ANSWER)
        else:
            self._answers[self._plan.primary] = self._primary.whole(self._exchange.forwarder.monotonic())
            self._conclude()

    # the answers to copies

    def begin_copy(self, role: str, head: ResponseHead, data: bytes, last: bool) -> None:
        if self.ended:
            return
        parts = self._parts[role] = AnswerInParts(head, data, self._asked[role].started)
        self._begun(parts)
        if last:
            self._copy_whole(role)

    def add_copy(self, role: str, data: bytes, last: bool) -> None:
        if self.ended:
            return
        parts = self._parts[role]
        parts.add(data)
        self._keep(len(data), parts.size, End.ANSWER_TOO_LARGE)
        if last:
            self._copy_whole(role)

    def _copy_whole(self, role: str) -> None:
        if not self.ended:
            self._answers[role] = self._parts[role].whole(self._exchange.forwarder.monotonic())
            self._settle(role)

    def fail_copy(self, role: str) -> None:
        """There will be no whole answer to this copy."""
        if self.ended:
            return
        outcome = self._asked[role].outcome
        if role != AGAIN:
            if outcome in REFUSALS:
                self.end(outcome)
                return
            self._failure = outcome
        self._settle(role)

    def _settle(self, role: str) -> None:
        del self._asked[role]
        if not self._asked:
            self._leave()
            self._conclude()

    # the end

    def _conclude(self) -> None:
        """Hand over, once there is nothing more to come."""
        if self._asked or not self._answers or self._plan.primary not in self._answers:
            return
        if self._plan.copies and not self._failure and not self._answers.keys() & self._plan.copies.keys():
            return  # still in the queue
        if clock.draw() >= self._plan.compared:
            self.end(End.NOT_COMPARED)
            return
        failure = self._failure.value if self._failure else None
        taken = self._mirror.hand_over(self._captured(), failure)
        self.end((self._failure or End.ANSWERED) if taken else End.LINK_FULL)

    def end(self, reason: End | Outcome) -> None:
        """Forget it all. Copies that are under way are broken off."""
        if self.ended:
            return
        self.ended = True
        asked, self._asked = self._asked, {}
        for copy in asked.values():
            copy.client_gone()
        self._leave()
        self._mirror.release(self._held)
        self._mirror.count(reason.value)
        self._body = bytearray()
        self._parts.clear()
        self._answers.clear()
        self._primary = None

    def _leave(self) -> None:
        if self.under_way:
            self.under_way = False
            self._mirror.leave()

    def _begun(self, answer: AnswerInParts) -> None:
        if answer.head.endless:
            self.end(End.ENDLESS)
        else:
            self._keep(answer.size, answer.size, End.ANSWER_TOO_LARGE)

    def _keep(self, more: int, whole: int, too_large: End) -> None:
        """Hold so many bytes more of a body that has so many by now, or end."""
        if whole > self._plan.max_body_bytes:
            self.end(too_large)
        elif self._mirror.hold(more):
            self._held += more
        else:
            self.end(End.MEMORY_FULL)

    def _captured(self) -> Captured:
        head = self._exchange.head
        target = head.path if head.raw_query is None else f"{head.path}?{head.query}"
        request = CapturedRequest(head.method, target, _fields(head.fields.lines), _unframed(head, bytes(self._body)))
        route = self._exchange.plan.decision.route
        return Captured(self._at, route, request, _in_order(self._answers, self._plan.primary), self._plan.primary)


class Watched(Exchange):
    """A request that is copied to the other side, or recorded: on its way as any other, with somebody who listens."""

    pairs: tuple[Pair, ...] = ()

    def start(self, first: bytes, last: bool) -> None:
        if self.answer is None and not self.limited:
            plan, recorder = self.plan.mirror, self.forwarder.recorder
            copied = None if plan is None else plan.mirror.begin(plan, self)
            recorded = None if recorder is None else recorder.begin(self)
            self.pairs = tuple(pair for pair in (copied, recorded) if pair is not None)
            for pair in self.pairs:
                self.client = Witness(self.client, pair)
        super().start(first, last)
        self._tell_body(first, last)

    def send_body(self, data: bytes, *, last: bool) -> None:
        super().send_body(data, last=last)
        self._tell_body(data, last)

    def _tell_body(self, data: bytes, last: bool) -> None:
        for pair in self.pairs:
            pair.add_body(data)
            if last:
                pair.request_is_whole()

    def _finish(self, outcome: Outcome) -> None:
        super()._finish(outcome)
        for pair in self.pairs:
            pair.end(End.NO_ANSWER)


class Witness:
    """The client of a watched exchange: all goes on to the real client first."""

    def __init__(self, client: Client, pair: Pair) -> None:
        self._client = client
        self._pair = pair
        self.http11 = client.http11

    @property
    def stalled(self) -> bool:
        return self._client.stalled

    def send_interim(self, head: ResponseHead) -> None:
        self._client.send_interim(head)

    def send_head(self, exchange: Exchange, head: ResponseHead, body: Body, data: bytes, last: bool) -> None:
        self._client.send_head(exchange, head, body, data, last)
        self._pair.begin_primary(head, data, last)

    def send_data(self, data: bytes, last: bool) -> None:
        self._client.send_data(data, last)
        self._pair.add_primary(data, last)

    def send_local(self, exchange: Exchange, answer: LocalAnswer) -> None:
        self._client.send_local(exchange, answer)

    def switch(self, exchange: Exchange, upstream: UpstreamConnection, head: ResponseHead, data: bytes) -> None:
        self._client.switch(exchange, upstream, head, data)

    def abort(self) -> None:
        self._client.abort()

    def pause_reading(self) -> None:
        self._client.pause_reading()

    def resume_reading(self) -> None:
        self._client.resume_reading()


class Copyist:
    """The client of a copy: keeps its answer for the pair."""

    http11 = False  # interim answers are for clients on the wire
    stalled = False

    def __init__(self, pair: Pair, role: str) -> None:
        self._pair = pair
        self._role = role

    def send_head(self, exchange: Exchange, head: ResponseHead, body: Body, data: bytes, last: bool) -> None:
        self._pair.begin_copy(self._role, head, data, last)

    def send_data(self, data: bytes, last: bool) -> None:
        self._pair.add_copy(self._role, data, last)

    def send_local(self, exchange: Exchange, answer: LocalAnswer) -> None:
        self._pair.fail_copy(self._role)

    def abort(self) -> None:
        self._pair.fail_copy(self._role)

    def switch(self, exchange: Exchange, upstream: UpstreamConnection, head: ResponseHead, data: bytes) -> None:
        raise RuntimeError("no copy asks for a tunnel")

    def send_interim(self, head: ResponseHead) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def _fields(lines: Iterable[bytes]) -> Fields:
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    return tuple((name, value.strip(" \t")) for name, _, value in pairs)


def _unframed(head: RequestHead, body: bytes) -> bytes:
    """A request body without its transfer coding."""
    if not head.fields.chunked:
        return body
    try:
        return ChunkedDecoder().feed(body)
    except BadChunk:  # it was judged when it came
        return b""


def _in_order(answers: Mapping[str, CapturedAnswer], primary: str) -> dict[str, CapturedAnswer]:
    return {primary: answers[primary], **answers}
