"""What every path of the JSON API does, whatever it is about."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from legacy_monolith.accounts import tokens

from .shop import bearer, get, new_order, post


def problem(answer) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    return answer.status_code, document["type"].removeprefix("urn:shop:")


@pytest.mark.parametrize("path", ["/api/", "/api/nowhere", "/api/products/", "/api/orders/17", "/api/products/A/b"])
def test_an_unknown_path_is_a_problem_not_a_page(client, path):
    assert problem(client.get(path)) == (404, "not-found")


def test_a_wrong_method_says_what_is_allowed(client):
    answer = client.delete("/api/orders")
    assert problem(answer) == (405, "method-not-allowed")
    assert answer.headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    assert answer.json()["detail"] == "Allowed here: GET, HEAD, POST, OPTIONS"


def test_options_answers_without_content(client):
    answer = client.options("/api/products")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert "Content-Type" not in answer.headers


def test_head_is_get_without_the_body(client):
    head, whole = client.head("/api/products"), client.get("/api/products")
    assert head.status_code == 200
    assert head.headers["Content-Length"] == str(len(whole.content))
    assert head.content == b""


def test_a_token_is_asked_for_before_anything_is_read(client):
    answer = client.post("/api/orders", "{", content_type="text/plain")
    assert problem(answer) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="shop"'


def test_a_session_is_no_token(client, shop):
    client.force_login(shop.alice)
    assert problem(client.get("/api/orders")) == (401, "unauthenticated")


def test_a_token_says_who_and_what_for_fifteen_minutes(client, shop):
    answer = post(client, "/api/token", {"username": "admin", "password": "admin-pass"})
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 900
    keys = jwt.PyJWKSet.from_dict(client.get("/.well-known/jwks.json").json())
    token = answer.json()["access_token"]
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["EdDSA"], issuer="shop")
    assert claims["sub"] == str(shop.admin.public_id)
    assert claims["roles"] == ["customer", "staff"]
    assert claims["exp"] - claims["iat"] == 900
    assert set(claims) == {"iss", "sub", "roles", "iat", "exp", "jti"}


def test_the_same_user_gets_another_token_id_each_time(client, shop):
    first, second = (jwt.decode(tokens.issue(shop.alice), options={"verify_signature": False})["jti"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    "credentials",
    [
        {"username": "alice", "password": "wrong"},
        {"username": "nobody", "password": "alice-pass"},
        {"username": "alice\x00", "password": "alice-pass"},
        {"username": "\ud800", "password": "alice-pass"},
    ],
)
def test_wrong_credentials_are_refused_without_saying_which(client, credentials):
    answer = post(client, "/api/token", credentials)
    assert problem(answer) == (401, "invalid-credentials")
    assert answer.json()["detail"] == "The user name or the password is wrong"


def test_an_expired_token_is_refused(client, shop):
    token = tokens.issue(shop.alice, now=datetime.now(UTC) - timedelta(minutes=16))
    answer = client.get("/api/orders", headers={"Authorization": f"Bearer {token}"})
    assert problem(answer) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="shop", error="invalid_token"'


def test_an_unsigned_or_foreign_token_is_refused(client, shop):
    claims = jwt.decode(tokens.issue(shop.alice), options={"verify_signature": False})
    for forged in (jwt.encode(claims, None, algorithm="none"), jwt.encode(claims, "x" * 32, algorithm="HS256"), "x"):
        answer = client.get("/api/orders", headers={"Authorization": f"Bearer {forged}"})
        assert problem(answer) == (401, "unauthenticated")


def test_the_token_of_a_closed_account_is_refused(client, shop):
    headers = bearer(shop.alice)
    shop.alice.is_active = False
    shop.alice.save()
    assert problem(client.get("/api/orders", headers=headers)) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        ("{}", "text/plain", (415, "unsupported-media-type")),
        ("{}", "application/json; charset=utf-8", (422, "invalid-fields")),
        (" ", "application/json", (400, "invalid-request")),
        ("{", "application/json", (400, "invalid-request")),
        (b"\xff", "application/json", (400, "invalid-request")),
        ('{"lines": NaN}', "application/json", (400, "invalid-request")),
        ("[" * 60_000, "application/json", (400, "invalid-request")),
        ("1" * 60_000, "application/json", (400, "invalid-request")),
        (" " * 65_537, "application/json", (413, "too-large")),
        ("x" * 4_000_000, "application/json", (413, "too-large")),
        ("null", "application/json", (422, "invalid-fields")),
    ],
)
def test_a_body_is_checked_from_the_outside_in(client, shop, body, content_type, expected):
    answer = client.post("/api/orders", body, content_type=content_type, headers=bearer(shop.alice))
    assert problem(answer) == expected


def test_every_wrong_field_is_named_with_its_path(client, shop):
    body = {
        "lines": [{"sku": "mug", "quantity": 0}, {"sku": "A", "quantity": True}],
        "shipping_address": {"name": " ", "street": "a\x00", "postcode": "x", "city": "\ud800"},
        "card": {"number": 4242},
        "extra": 1,
    }
    answer = post(client, "/api/orders", body, shop.alice)
    assert problem(answer) == (422, "invalid-fields")
    assert [error["field"] for error in answer.json()["errors"]] == [
        "lines[0].sku",
        "lines[0].quantity",
        "lines[1].quantity",
        "shipping_address.name",
        "shipping_address.street",
        "shipping_address.postcode",
        "shipping_address.city",
        "shipping_address.country",
        "card.number",
        "body",
    ]


def test_a_whole_number_may_be_written_with_a_point(client, shop):
    body = new_order()
    body["lines"][0]["quantity"] = 2.0
    assert post(client, "/api/orders", body, shop.alice).status_code == 201


@pytest.mark.parametrize("quantity", [1.5, 1e999, 10**30, -1, "2", None])
def test_a_quantity_is_a_whole_number_from_1_to_99(client, shop, quantity):
    if quantity == 1e999:
        body = b'{"order_id":"0","lines":[{"sku":"A","quantity":1e999}]}'
        answer = client.post("/api/reservations", body, "application/json", headers=bearer(shop.admin))
    else:
        answer = post(client, "/api/orders", new_order(quantity=quantity), shop.alice)
    messages = {error["field"]: error["message"] for error in answer.json()["errors"]}
    assert messages["lines[0].quantity"] == "must be a whole number from 1 to 99"


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
def test_an_idempotency_key_is_visible_ascii(client, shop, key):
    answer = post(client, "/api/orders", new_order(), shop.alice, Idempotency_Key=key)
    assert problem(answer) == (400, "invalid-parameter")


def test_staff_paths_are_closed_to_customers(client, shop):
    for path in ("/api/payments", "/api/reservations"):
        answer = post(client, path, {}, shop.alice)
        assert problem(answer) == (403, "forbidden")
        assert get(client, path, shop.alice).status_code == 200
