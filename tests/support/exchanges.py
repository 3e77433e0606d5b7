"""Exchanges for tests, with as little said as the test needs."""

from collections.abc import Mapping
from datetime import UTC, datetime

from proxy.wire.exchange import LEGACY, CapturedAnswer, CapturedRequest, Exchange, Fields

AT = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def a_request(
    target: str = "/api/products/7", method: str = "GET", fields: Fields = (), body: bytes = b""
) -> CapturedRequest:
    return CapturedRequest(method, target, fields, body)


def an_answer(
    body: bytes = b'{"id": 7}',
    status: int = 200,
    fields: Fields = (("Content-Type", "application/json"),),
    *,
    cut: bool = False,
) -> CapturedAnswer:
    return CapturedAnswer(status, fields, body, 0.0125, cut)


def an_exchange(
    request: CapturedRequest | None = None,
    answer: CapturedAnswer | None = None,
    *,
    answers: Mapping[str, CapturedAnswer] | None = None,
    route: str | None = "product-detail",
) -> Exchange:
    answers = answers if answers is not None else {LEGACY: answer or an_answer()}
    return Exchange(AT, route, request or a_request(), answers, next(iter(answers)))
