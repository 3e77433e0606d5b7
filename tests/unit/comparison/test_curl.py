"""Requests as commands: what the shell reads back is what was sent."""

import shlex

import pytest

from proxy.comparison.curl import MAX_BODY, curl
from proxy.wire.exchange import CapturedRequest
from tests.support.exchanges import a_request

URL = "http://127.0.0.1:8000"


def words_of(request: CapturedRequest) -> list[str]:
    """What stands between `curl -i` and the address."""
    words = shlex.split(curl(request, URL))
    assert words[:2] == ["curl", "-i"]
    assert words[-3:] == ["--path-as-is", "-g", URL + request.target]
    return words[2:-3]


def test_a_plain_read_is_a_plain_command() -> None:
    assert words_of(a_request(fields=(("Accept", "*/*"), ("User-Agent", "x"), ("Accept-Encoding", "gzip")))) == []


def test_a_target_is_put_behind_the_prefix_of_the_system() -> None:
    assert curl(a_request("/a?b=c&d"), f"{URL}/shop/").endswith(f"'{URL}/shop/a?b=c&d'")


def test_a_write_carries_its_body_and_its_type() -> None:
    request = a_request("/a", "POST", (("Content-Type", "application/json"),), b'{"name": "it\'s"}')
    assert words_of(request) == ["-H", "Content-Type: application/json", "--data-raw", '{"name": "it\'s"}']


def test_a_method_is_named_where_curl_would_choose_another() -> None:
    assert words_of(a_request(method="POST")) == ["-X", "POST"]
    assert words_of(a_request(method="PUT", body=b"x"))[:2] == ["-X", "PUT"]
    assert words_of(a_request(method="HEAD")) == ["--head"]


def test_curl_is_kept_from_adding_a_type_and_from_reading_a_file() -> None:
    request = a_request("/a?b[]=1", "POST", body=b"@secrets.txt")
    assert words_of(request) == ["-H", "Content-Type:", "--data-raw", "@secrets.txt"]


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a\0b", b"a" * (MAX_BODY + 1)], ids=["no text", "NUL", "long"])
def test_a_body_that_no_command_can_hold_is_left_to_be_filled_in(body: bytes) -> None:
    assert words_of(a_request(method="POST", body=body))[-2:] == ["--data-binary", "@body"]


def test_an_empty_field_is_sent_empty() -> None:
    assert words_of(a_request(fields=(("X-Empty", ""),))) == ["-H", "X-Empty;"]


def test_fields_are_read_as_the_text_their_bytes_mostly_are() -> None:
    assert words_of(a_request(fields=(("X-Name", "Jürgen".encode().decode("latin-1")),))) == ["-H", "X-Name: Jürgen"]
