"""Parts put together, with what is missing named; and what a required part's failure becomes."""

import json

import pytest

from proxy.config.policy import AggregatePart
from proxy.gateway.composition import compose_answer, refuse
from proxy.gateway.part import Content, Failure, PartAnswer
from proxy.wire.problem import LocalAnswer

ORDER = AggregatePart("order", "orders", "/o", required=True)
PAYMENT = AggregatePart("payment", "payments", "/p")
STOCK = AggregatePart("stock", "inventory", "/s", default=[])
TIMED_OUT = Failure(504, "timeout")


def fields(answer: LocalAnswer) -> dict[str, str]:
    return dict(line.decode().split(": ", 1) for line in answer.lines)


def test_parts_stand_under_their_names_in_the_order_of_the_file() -> None:
    answer = compose_answer([STOCK, ORDER, PAYMENT], [Content(b"[1]"), Content(b'{"z":1, "a":2}'), Content(b"3")], "i")
    assert answer.body == b'{"stock":[1],"order":{"z":1, "a":2},"payment":3}'
    assert (answer.status, answer.reason) == (200, "OK")
    assert fields(answer) == {"Content-Type": "application/json", "Cache-Control": "private, no-cache"}


def test_bytes_of_a_part_are_not_touched() -> None:
    text = rb'{"amount": 12.30, "big": 1e400, "name": "\u00e9", "twice": 1, "twice": 2}'
    assert compose_answer([ORDER], [Content(text)], "i").body == b'{"order":' + text + b"}"


def test_a_missing_part_is_null_and_named() -> None:
    answer = compose_answer([ORDER, PAYMENT], [Content(b"{}"), TIMED_OUT], "i")
    assert answer.body == b'{"order":{},"payment":null,"_errors":{"payment":{"status":504,"code":"timeout"}}}'
    assert answer.status == 200
    assert fields(answer) == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Partial": "payment;504",
    }


def test_a_missing_part_with_a_default_is_that() -> None:
    answer = compose_answer([STOCK], [Failure(502, "not_json")], "i")
    assert json.loads(answer.body)["stock"] == []


def test_several_missing_parts_share_one_field() -> None:
    results = [Content(b"{}"), TIMED_OUT, Failure(404, "http_error")]
    answer = compose_answer([ORDER, PAYMENT, STOCK], results, "i")
    assert fields(answer)["X-Partial"] == "payment;504, stock;404"
    assert list(json.loads(answer.body)["_errors"]) == ["payment", "stock"]


def test_the_first_required_part_that_failed_decides() -> None:
    other = AggregatePart("user", "users", "/u", required=True)
    answer = compose_answer([PAYMENT, ORDER, other], [TIMED_OUT, Failure(502, "reset"), TIMED_OUT], "i")
    assert answer.status == 502
    assert "order" in json.loads(answer.body)["detail"]


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429])
def test_what_a_required_part_says_of_the_client_or_the_resource_is_passed_on(status: int) -> None:
    said = PartAnswer(status, [(b"content-type", b"application/problem+json")], b'{"title":"no"}')
    answer = refuse("order", Failure(status, "http_error", said), "i")
    assert (answer.status, answer.body) == (status, b'{"title":"no"}')
    assert fields(answer) == {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}


def test_only_safe_fields_are_passed_on() -> None:
    said = PartAnswer(
        401,
        [
            (b"www-authenticate", b"Bearer"), (b"www-authenticate", b'Basic realm="x"'), (b"retry-after", b"5"),
            (b"set-cookie", b"session=1"), (b"etag", b'"1"'), (b"cache-control", b"public, max-age=60"),
            (b"content-length", b"0"), (b"server", b"x"), (b"content-language", b"de"),
        ],
        b"",
    )  # fmt: skip
    assert refuse("order", Failure(401, "http_error", said), "i").lines == (
        b"WWW-Authenticate: Bearer",
        b'WWW-Authenticate: Basic realm="x"',
        b"Retry-After: 5",
        b"Content-Language: de",
        b"Cache-Control: no-store",
    )


def test_a_body_in_a_coding_the_client_may_not_know_is_replaced() -> None:
    said = PartAnswer(
        429, [(b"content-encoding", b"br"), (b"content-type", b"text/html"), (b"retry-after", b"9")], b"\x0b"
    )
    answer = refuse("order", Failure(429, "http_error", said), "i")
    assert answer.status == 429
    assert fields(answer) == {
        "Content-Type": "application/problem+json", "Cache-Control": "no-store", "Retry-After": "9",
    }  # fmt: skip
    assert [line for line in answer.lines if line.startswith(b"Retry-After")] == [b"Retry-After: 9"]
    assert json.loads(answer.body)["status"] == 429


@pytest.mark.parametrize(
    ("failure", "status", "kind", "detail"),
    [
        (TIMED_OUT, 504, "part_timeout", "the part order did not answer in time"),
        (Failure(502, "not_json"), 502, "part_failed", "the part order failed: not_json"),
        (Failure(503, "breaker_open"), 502, "part_failed", "the part order failed: breaker_open"),
        (Failure(500, "http_error", PartAnswer(500, [], b"")), 502, "part_failed", "the part order answered 500"),
        (Failure(504, "http_error", PartAnswer(504, [], b"")), 502, "part_failed", "the part order answered 504"),
        (Failure(302, "http_error", PartAnswer(302, [], b"")), 502, "part_failed", "the part order answered 302"),
    ],
)
def test_any_other_failure_of_a_required_part_is_a_problem_that_names_it(
    failure: Failure, status: int, kind: str, detail: str
) -> None:
    answer = refuse("order", failure, "the-id")
    said = json.loads(answer.body)
    assert answer.status == said["status"] == status
    assert said["type"] == f"urn:strangler:{kind}"
    assert said["detail"] == detail
    assert said["request_id"] == "the-id"
