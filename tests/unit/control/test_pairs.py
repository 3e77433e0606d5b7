"""Pairs on their way from a worker to the control process."""

from datetime import UTC, datetime

from proxy.control.link import Decoder, encode
from proxy.control.pairs import Pair, from_message, to_message
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Exchange


def test_a_pair_arrives_as_it_was_sent() -> None:
    request = CapturedRequest("POST", "/a?b=%20", (("Cookie", "a=\xff"), ("Cookie", "b=c")), b"\x00\xff")
    answers = {
        "legacy": CapturedAnswer(200, (("Content-Type", "text/plain"),), b"old", 0.25),
        "service": CapturedAnswer(500, (), b"", 0.5, cut=True),
    }
    pair = Pair(Exchange(datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "svc", request, answers, "legacy"), None)
    (message,) = Decoder().feed(encode(*to_message(pair)))
    assert message["type"] == "pair"
    assert from_message(message) == pair


def test_a_copy_that_was_not_answered_is_told_with_what_became_of_it() -> None:
    exchange = Exchange(datetime.now(UTC), "svc", CapturedRequest("GET", "/", ()), {}, "legacy")
    (message,) = Decoder().feed(encode(*to_message(Pair(exchange, "connect_error"))))
    assert from_message(message).failure == "connect_error"
