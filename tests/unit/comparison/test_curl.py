"""Requests as commands: what the shell reads back is what was sent."""

import shlex

from proxy.comparison.curl import MAX_BODY_BYTES, curl
from tests.support.exchanges import a_request

URL = "http://127.0.0.1:8000"


def test_a_plain_read_is_a_plain_command() -> None:
    assert curl(a_request(fields=(("Host", "shop.test"), ("Accept", "*/*"))), URL) == f"curl -sS {URL}/api/products/7"


def test_a_target_is_put_behind_the_prefix_of_the_system() -> None:
    assert curl(a_request("/a?b=c&d"), f"{URL}/shop/").endswith(f"'{URL}/shop/a?b=c&d'")


def test_a_write_carries_its_body_and_its_type() -> None:
    request = a_request("/a", "POST", (("Content-Type", "application/json"),), b'{"name": "it\'s"}')
    words = shlex.split(curl(request, URL))
    assert words == [
        "curl", "-sS", "-H", "Content-Type: application/json", "--data-raw", '{"name": "it\'s"}', f"{URL}/a",
    ]  # fmt: skip


def test_a_method_is_named_where_curl_would_choose_another() -> None:
    assert "-X POST" in curl(a_request(method="POST"), URL)
    assert "-X PUT" in curl(a_request(method="PUT", body=b"x"), URL)
    assert "--head" in curl(a_request(method="HEAD"), URL)


def test_curl_is_kept_from_adding_a_type_and_from_reading_brackets_and_files() -> None:
    words = shlex.split(curl(a_request("/a?b[]=1", "POST", body=b"@/etc/hostname"), URL))
    assert ["-g", "-H", "Content-Type:", "--data-raw", "@/etc/hostname"] == words[2:-1]


def test_a_body_that_no_command_can_hold_is_a_file() -> None:
    for body in (b"\xff\xfe", b"a\0b", b"a" * (MAX_BODY_BYTES + 1)):
        assert curl(a_request(method="POST", body=body), URL).endswith(f"# body: a file of {len(body)} bytes")


def test_an_empty_field_is_sent_empty() -> None:
    assert shlex.split(curl(a_request(fields=(("X-Empty", ""),)), URL))[2:4] == ["-H", "X-Empty;"]
