"""What a test says when its answers differ."""

import json
from datetime import date
from typing import Any

from proxy.comparison.compare import compare
from proxy.comparison.rules import compile_rules
from proxy.testing.failure import MAX_FIELDS, Failure, Sides, tell
from proxy.wire.exchange import CapturedAnswer, CapturedRequest
from tests.support.exchanges import a_request, an_answer

RULES = compile_rules(today=date(2026, 1, 1))
ORIGINS = ("http://127.0.0.1:1", "http://127.0.0.1:2")


def told(left: CapturedAnswer, right: CapturedAnswer, request: CapturedRequest | None = None) -> Failure:
    request = request or a_request()
    sides = Sides((request, request), (left, right), ORIGINS)
    return tell(compare(left, right, RULES), sides, "orders", lambda one, other: compare(one, other, RULES))


def a_document(document: Any, status: int = 200) -> CapturedAnswer:
    return an_answer(json.dumps(document).encode(), status)


def test_a_field_is_told_once_with_how_often_and_where_it_is() -> None:
    failure = told(
        a_document({"items": [{"price": 1}, {"price": 2}], "at": "x"}),
        a_document({"items": [{"price": 1}, {"price": 3}]}),
    )
    assert failure.text.splitlines() == [
        "GET /api/products/7 (route orders): the two sides differ",
        "  value         $.items[*].price   legacy 2   service 3   at $.items[1].price",
        '  missing       $.at   legacy "x"   service (nothing)',
        "ask them (secrets are masked):",
        "  legacy   curl -i --path-as-is -g http://127.0.0.1:1/api/products/7",
        "  service  curl -i --path-as-is -g http://127.0.0.1:2/api/products/7",
    ]


def test_no_secret_is_in_any_part_of_it() -> None:
    secrets = ["one-token-1", "two-token-2", "of-header-3", "of-query-4", "of-body-5", "of-cookie-6", "as-a-key-7"]
    request = a_request(
        f"/x?api_key={secrets[3]}",
        "POST",
        (
            ("Authorization", f"Bearer {secrets[2]}"),
            ("Cookie", f"session={secrets[5]}"),
            ("Content-Type", "application/json"),
        ),
        json.dumps({"password": secrets[4]}).encode(),
    )
    failure = told(
        a_document({"access_token": secrets[0], "n": 1}), a_document({"access_token": secrets[1], "n": 2}), request
    )
    written = failure.text + "".join(value for _, value in failure.properties)
    assert "$.access_token" in written
    assert "legacy 1   service 2" in written
    assert [secret for secret in secrets if secret in written] == []


def test_a_difference_that_is_gone_when_masked_is_shown_by_its_place() -> None:
    failure = told(a_document({"password": {"a": "left-secret"}}), a_document({"password": {"b": "right-secret"}}))
    assert "$.password" in failure.text
    assert "secret-" not in failure.text
    assert "left-secret" not in failure.text


def test_properties_are_for_a_report_of_tests() -> None:
    failure = told(a_document(1), a_document(2))
    properties = dict(failure.properties)
    assert list(properties) == ["strangler_differences", "strangler_curl_legacy", "strangler_curl_service"]
    assert properties["strangler_differences"].splitlines()[0] == "GET /api/products/7 (route orders)"
    assert properties["strangler_curl_service"].endswith("http://127.0.0.1:2/api/products/7")


def test_of_many_fields_some_are_listed_and_the_rest_counted() -> None:
    left = {f"{chr(97 + number // 26)}{chr(97 + number % 26)}": 1 for number in range(MAX_FIELDS + 5)}
    lines = told(a_document(left), a_document(dict.fromkeys(left, 2))).text.splitlines()
    assert sum(line.startswith("  value") for line in lines) == MAX_FIELDS
    assert "  … and 5 more fields" in lines


def test_a_pair_that_cannot_be_judged_is_no_equal_one() -> None:
    failure = told(an_answer(b'{"a": 1', cut=True), an_answer(b'{"a": 2', cut=True))
    assert "the two sides cannot be compared" in failure.text
    assert "the bodies cannot be judged: too_large" in failure.text
