"""Which part of a path was written by a programmer, and stays; everything else is `{id}`."""

import pytest

from proxy.wire.path_template import MAX_REMEMBERED, Words, is_word, template_of


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/", "/"),
        ("*", "*"),
        ("/api/orders", "/api/orders"),
        ("/api/orders/17", "/api/orders/{id}"),
        ("/api/orders/17/", "/api/orders/{id}/"),
        ("/api/orders/0190b7c4-7e7e-7aaa-8bbb-1234567890ab/cancel", "/api/orders/{id}/cancel"),
        ("/v1/oauth2/jwks.json", "/v1/oauth2/jwks.json"),
        ("/.well-known/jwks.json", "/.well-known/jwks.json"),
        ("/commits/deadbeef", "/commits/{id}"),
        ("/u/bob@example.com", "/u/{id}"),
        ("/cart;jsessionid=5A3B", "/{id}"),
        ("/caf%C3%A9", "/{id}"),
        ("/sku/AB-1234", "/sku/{id}"),
        ("/reset/aBcDeF123/done", "/reset/{id}/done"),
        ("/a/b/c/d/e/f/g/h", "/a/b/c/d/e/f/g/h"),
        ("/a/b/c/d/e/f/g/h/i/j/k", "/a/b/c/d/e/f/g/h/**"),
        ("//", "//"),
    ],
)
def test_the_template_of_a_path(path: str, template: str) -> None:
    assert template_of(path) == template


@pytest.mark.parametrize("path", ["/password/hunter", "/api/token/refresh"])
def test_behind_a_name_of_secrets_a_plain_word_stays(path: str) -> None:
    assert template_of(path) == path


@pytest.mark.parametrize("path", ["/token/Hunter", "/password/hunter2", "/session/under_score"])
def test_behind_a_name_of_secrets_nothing_else_stays(path: str) -> None:
    assert template_of(path).endswith("/{id}")


@pytest.mark.parametrize("path", ["", "nothing"])
def test_what_is_no_path_is_no_template_either(path: str) -> None:
    assert template_of(path) == "/{id}"


@pytest.mark.parametrize(
    "segment", ["orders", "sign-up", "getUserById", "OrderList", "API", "2fa", "step-2", "a_b.csv"]
)
def test_words_of_programmers(segment: str) -> None:
    assert is_word(segment)


@pytest.mark.parametrize(
    "segment", ["x" * 21, "a" * 41, "bcdfgh", "2026-11-22", "aB3", "-", "..", "a--b", "ABCDEFGHIJ"]
)
def test_what_is_no_word(segment: str) -> None:
    assert not is_word(segment)


def test_what_is_remembered_of_words_is_bounded() -> None:
    words = Words()
    letters = "abcdefghijklmnopqrstuvwxyz"
    for one in letters:
        for two in letters:
            for three in letters:
                words.find(f"{one}{two}{three}")
    assert words.remembered <= MAX_REMEMBERED
    assert words.find("token") is True
    assert words.find("orders") is False
    assert words.find("17") is None
