"""The program that a request names, and nothing more of what it says."""

import pytest

from proxy.wire.product import NONE, _first_product, product_of


@pytest.mark.parametrize(
    ("line", "product"),
    [
        (b"User-Agent: curl/8.5.0", "curl"),
        (b"user-agent: python-requests/2.32", "python-requests"),
        (b"USER-AGENT:Go-http-client/1.1", "Go-http-client"),
        (b"User-Agent: Mozilla/5.0 (X11; Linux) Firefox/130", "Mozilla"),
        (b"User-Agent: healthcheck", "healthcheck"),
        (b"User-Agent: ", NONE),
        (b"User-Agent: /", NONE),
        (b"User-Agent: caf\xe9/1", NONE),
        (b"User-Agent: sk9f8e7d6c5b4a/1", NONE),
        (b"User-Agent: 0190b7c4-7e7e-7aaa-8bbb-1234567890ab", NONE),
        (b"X-User-Agent: curl/8", NONE),
        (b"Accept: */*", NONE),
    ],
)
def test_the_product_of_a_request(line: bytes, product: str) -> None:
    assert product_of(b"\r\nHost: a\r\n" + line + b"\r\nAccept: text/html") == product


def test_a_long_name_is_no_product() -> None:
    assert product_of(b"\r\nUser-Agent: " + b"a" * 33 + b"/1") == NONE


def test_nothing_behind_the_line_is_looked_at() -> None:
    _first_product.cache_clear()
    product_of(b"\r\nUser-Agent: x\r\nX-Api-Key: s3cret")
    assert _first_product.cache_info().currsize == 1
    assert _first_product(b" x") == "x"
    assert _first_product.cache_info().hits == 1
