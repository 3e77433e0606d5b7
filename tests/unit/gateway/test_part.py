"""What came of a part, judged from its whole answer."""

import pytest

from proxy.forwarding.outcome import Outcome
from proxy.gateway.part import Content, Failure, PartAnswer, failed, judge


def answer(body: bytes | None = b"{}", status: int = 200, *fields: tuple[bytes, bytes]) -> PartAnswer:
    return PartAnswer(status, fields, body)


@pytest.mark.parametrize("status", [200, 201, 203, 299])
def test_json_with_a_status_of_success_is_content(status: int) -> None:
    assert judge(answer(b'{"price": 12.30}', status)) == Content(b'{"price": 12.30}')


def test_white_space_around_the_text_is_cut_and_none_inside() -> None:
    assert judge(answer(b'\r\n {"a" : 1}\n')) == Content(b'{"a" : 1}')


def test_the_media_type_does_not_matter_when_the_text_is_json() -> None:
    assert judge(answer(b"[]", 200, (b"content-type", b"text/plain"))) == Content(b"[]")


@pytest.mark.parametrize("status", [302, 304, 401, 404, 500, 503])
def test_another_status_is_a_failure_that_keeps_the_answer(status: int) -> None:
    given = answer(b"{}", status)
    assert judge(given) == Failure(status, "http_error", given)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (answer(b"<html>"), "not_json"),
        (answer(b"", 204), "not_json"),
        (answer(b"{}", 200, (b"content-encoding", b"gzip")), "not_json"),
        (answer(b"[" * 65 + b"]" * 65), "too_deep"),
        (answer(None), "too_large"),
        (answer(None, 404), "too_large"),
    ],
)
def test_what_cannot_be_mounted_is_a_bad_answer_of_the_part(given: PartAnswer, code: str) -> None:
    assert judge(given) == Failure(502, code)


def test_an_encoding_that_is_none_is_taken() -> None:
    assert judge(answer(b"{}", 200, (b"content-encoding", b"Identity"))) == Content(b"{}")


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_end_of_an_exchange_is_a_failure_with_a_status(outcome: Outcome) -> None:
    failure = failed(outcome)
    assert 400 <= failure.status <= 599
    assert (failure.status == 504) == (failure.code == "timeout")


def test_an_upstream_that_is_left_alone_says_so() -> None:
    assert failed(Outcome.BREAKER_OPEN) == Failure(503, "breaker_open")
    assert failed(Outcome.TOTAL_TIMEOUT) == Failure(504, "timeout")
    assert failed(Outcome.RESET) == Failure(502, "reset")
