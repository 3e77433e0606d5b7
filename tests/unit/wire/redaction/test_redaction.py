"""What is masked by default, and that nothing else is: fields, addresses, and what equal marks say."""

import pytest

from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Exchange, Fields, value
from proxy.wire.redaction import Redaction, Redactor, is_withheld, redact
from tests.support.exchanges import a_request, an_answer, an_exchange

JSON = (("Content-Type", "application/json"),)


def fields_of_request(*fields: tuple[str, str]) -> Fields:
    return redact(an_exchange(a_request(fields=fields))).request.fields


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (("Authorization", "Bearer abc.def"), "Bearer ***1"),
        (("Authorization", "Basic dXNlcjpwYXNz"), "Basic ***1"),
        (("authorization", "opaque"), "***1"),
        (("Proxy-Authorization", "Digest username=u, response=77"), "Digest ***1"),
        (("Cookie", "sessionid=abc; theme=dark"), "sessionid=***1; theme=***2"),
        (("Cookie", "alone"), "***1"),
        (("X-Api-Key", "k-1"), "***1"),
        (("X-CSRFToken", "t"), "***1"),
        (("X-Secret", "correct horse"), "***1"),
        (("X-Amz-Security-Token", "t"), "***1"),
        (("Referer", "https://u:pw@shop/a?token=t&b=2#access_token=x"), "https://u:***1@shop/a?token=***2&b=2#access_token=***3"),
        (("Referer", "/login?next=%2Fa%3Fpassword%3Dq"), "/login?next=%2Fa%3Fpassword%3D***1"),
        (("X-Debug", "got eyJhbGciOi.eyJzdWIiOi.c2ln here"), "got ***1 here"),
    ],
)  # fmt: skip
def test_a_field_of_a_request_is_kept_without_its_secret(sent: tuple[str, str], kept: str) -> None:
    assert fields_of_request(sent) == ((sent[0], kept),)


@pytest.mark.parametrize(
    "sent",
    [
        ("Accept", "application/json"), ("Idempotency-Key", "0b1c"), ("Host", "shop.test:8080"),
        ("Referer", "https://shop/api/products?limit=2&cursor=abc"), ("If-None-Match", '"abc"'),
        ("User-Agent", "curl/8.0"), ("Sec-WebSocket-Key", "x"), ("Accept", "text/html;q=0.8, */*"),
        ("Access-Control-Allow-Headers", "X-CSRFToken"),
    ],
)  # fmt: skip
def test_a_field_without_a_secret_is_kept_as_it_is(sent: tuple[str, str]) -> None:
    assert fields_of_request(sent) == (sent,)


def test_of_a_set_cookie_the_name_and_the_attributes_are_kept() -> None:
    answer = an_answer(fields=(("Set-Cookie", 'sid="abc"; Path=/; HttpOnly'), ("Set-Cookie", "gone=; Max-Age=0")))
    masked = redact(an_exchange(answer=answer)).answers["legacy"]
    assert [found for _, found in masked.fields] == ['sid="***1"; Path=/; HttpOnly', "gone=; Max-Age=0"]


def test_the_query_of_a_target_keeps_its_order_its_repeats_and_its_escapes() -> None:
    target = "/a%20b?x=%7e&token=a%2Bb&x=2&flag&pass%77ord=q"
    assert redact(an_exchange(a_request(target))).request.target == "/a%20b?x=%7e&token=***1&x=2&flag&pass%77ord=***2"


def test_an_authorization_code_is_a_secret_where_a_state_comes_with_it() -> None:
    assert redact(an_exchange(a_request("/cb?code=c&state=s"))).request.target == "/cb?code=***1&state=s"
    assert redact(an_exchange(a_request("/p?code=SKU-1"))).request.target == "/p?code=SKU-1"


def test_equal_secrets_of_one_recording_have_one_mark_wherever_they_stand() -> None:
    redactor = Redactor()
    login = an_exchange(
        answer=an_answer(b'{"token": "s3cret"}', fields=(*JSON, ("Set-Cookie", "sessionid=own; Path=/")))
    )
    later = an_exchange(
        a_request("/a?token=s3cret", fields=(("Authorization", "Bearer s3cret"), ("Cookie", "sessionid=own")))
    )
    first, second = redactor.redact(login), redactor.redact(later)
    assert first.answers["legacy"].body == b'{"token": "***1"}'
    assert value(first.answers["legacy"].fields, "set-cookie") == "sessionid=***2; Path=/"
    assert second.request.target == "/a?token=***1"
    assert [found for _, found in second.request.fields] == ["Bearer ***1", "sessionid=***2"]


def test_a_second_masking_changes_nothing() -> None:
    exchange = an_exchange(
        a_request("/a?token=t&b=1", fields=(("Cookie", "a=b; c=d"), ("Authorization", "Bearer x"))),
        an_answer(b'{"password": "p", "deep": "{\\"pin\\": 4}"}'),
    )
    once = redact(exchange)
    assert redact(once) == once


def test_what_would_tell_of_the_masked_body_goes_with_it() -> None:
    body = b'{"password": "hunter2"}'
    answer = an_answer(body, fields=(*JSON, ("Content-Length", str(len(body))), ("ETag", '"9f"'), ("Digest", "md5=x")))
    redactor = Redactor()
    masked = redactor.redact(an_exchange(answer=answer)).answers["legacy"]
    assert masked.fields == (*JSON, ("Content-Length", str(len(masked.body))), ("ETag", "***2"), ("Digest", "***3"))
    again = redactor.redact(an_exchange(a_request(fields=(("If-None-Match", '"9f"'),))))
    assert again.request.fields == (("If-None-Match", "***2"),)


def test_a_body_without_a_secret_leaves_everything_as_it_was() -> None:
    answer = an_answer(fields=(*JSON, ("Content-Length", "9"), ("ETag", '"9f"')))
    exchange = an_exchange(answer=answer)
    assert redact(exchange) == exchange


def test_names_and_patterns_of_ones_own_are_masked_too() -> None:
    chosen = Redaction(names=("Customer-No", "shoe"), patterns=(r"\bKD-[0-9]+", r"pet=([a-z]+)"))
    exchange = an_exchange(
        a_request("/a/KD-17?shoe=43&shoes=2", fields=(("customer-no", "9"), ("X-Note", "my pet=rex"))),
        an_answer(b'{"shoe": {"size": 43}, "note": "call KD-18"}'),
    )
    masked = redact(exchange, chosen)
    assert masked.request.target == "/a/***1?shoe=***2&shoes=2"
    assert [found for _, found in masked.request.fields] == ["***3", "my pet=***4"]
    assert masked.answers["legacy"].body == b'{"shoe": {"size": "***2"}, "note": "call ***5"}'


def test_a_pattern_that_re2_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="RE2"):
        Redactor(Redaction(patterns=("(?=a)",)))


def test_an_answer_whose_body_is_withheld_is_not_whole() -> None:
    answer = an_answer(b"\x28\xb5\x2f\xfd", fields=(*JSON, ("Content-Encoding", "zstd"), ("Content-Length", "4")))
    masked = redact(an_exchange(answer=answer)).answers["legacy"]
    assert masked.body == b"[withheld: 4 bytes, an unknown content coding]"
    assert is_withheld(masked.body)
    assert masked.cut
    assert masked.fields == (*JSON, ("Content-Length", str(len(masked.body))))


def test_every_answer_is_masked_and_the_rest_of_the_exchange_stays() -> None:
    answers = {role: an_answer(b'{"pin": 1}') for role in ("legacy", "service", "again")}
    exchange = an_exchange(answers=answers)
    masked = redact(exchange)
    assert {role: answer.body for role, answer in masked.answers.items()} == dict.fromkeys(answers, b'{"pin": "***1"}')
    assert (masked.at, masked.route, masked.primary) == (exchange.at, exchange.route, exchange.primary)
    assert isinstance(masked, Exchange)
    assert isinstance(masked.request, CapturedRequest)
    assert isinstance(masked.answers["again"], CapturedAnswer)
