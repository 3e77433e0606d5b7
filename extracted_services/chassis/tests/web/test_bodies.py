"""Bodies: media type, size, syntax, in this order and in these words."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from extracted_services.chassis.web.bodies import MAX_BODY_BYTES
from tests.support.tokens import issue

pytestmark = pytest.mark.anyio


def authorization() -> dict[str, str]:
    """Of a customer; good for some minutes, so each test has its own."""
    return {"Authorization": f"Bearer {issue('019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11', 'customer')}"}


async def post(api: httpx.AsyncClient, content: Any, content_type: str | None = "application/json") -> httpx.Response:
    headers = authorization() | ({"Content-Type": content_type} if content_type is not None else {})
    return await api.post("/api/notes", content=content, headers=headers)


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", " application/json "])
async def test_json_is_read_as_it_is(api: httpx.AsyncClient, content_type: str) -> None:
    assert (await post(api, '{"ü": [1, 2.0, null]}'.encode(), content_type)).json()["note"] == {"ü": [1, 2.0, None]}


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/json-patch+json", "text/json"])
async def test_another_media_type_is_refused_whatever_the_body(
    api: httpx.AsyncClient, content_type: str | None
) -> None:
    answer = await post(api, b"{" * (MAX_BODY_BYTES + 1), content_type)

    assert (answer.status_code, answer.json()["detail"]) == (415, "Send application/json")


async def test_two_media_types_are_none(api: httpx.AsyncClient) -> None:
    headers = [*authorization().items(), ("Content-Type", "application/json"), ("Content-Type", "application/json")]

    assert (await api.post("/api/notes", content=b"1", headers=headers)).status_code == 415


async def test_a_body_of_64_kib_is_read_and_one_more_byte_is_refused(api: httpx.AsyncClient) -> None:
    assert (await post(api, b'"' + b"x" * (MAX_BODY_BYTES - 2) + b'"')).status_code == 201
    answer = await post(api, b"x" * (MAX_BODY_BYTES + 1))
    assert (answer.status_code, answer.json()["detail"]) == (413, "At most 65536 bytes are accepted")


async def test_a_body_that_does_not_say_how_long_it_is_is_read_no_further_than_the_limit(
    api: httpx.AsyncClient,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 1024

    assert (await post(api, endless())).status_code == 413


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "The body is not JSON: line 1, column 1"),
        (b'{"a": 1,\n "b"}', "The body is not JSON: line 2, column 5"),
        (b"{} {}", "The body is not JSON: line 1, column 4"),
        (b'"\xff"', "The body is not UTF-8"),
        (b"NaN", "The body is not JSON that can be read"),
        (b"[-Infinity]", "The body is not JSON that can be read"),
        (b"[" * 60000, "The body is not JSON that can be read"),
        (b"9" * 5000, "The body is not JSON that can be read"),
    ],
)
async def test_what_is_not_json_is_refused_with_its_place(api: httpx.AsyncClient, body: bytes, detail: str) -> None:
    answer = await post(api, body)

    assert (answer.status_code, answer.json()["type"]) == (400, "urn:shop:invalid-request")
    assert answer.json()["detail"] == detail


@pytest.mark.parametrize("key", ["", "a b", "ü", "k" * 256, "a\tb"])
async def test_an_idempotency_key_is_visible_ascii(api: httpx.AsyncClient, key: str) -> None:
    headers: list[tuple[Any, Any]] = [*authorization().items(), ("Idempotency-Key", key.encode())]
    answer = await api.post("/api/notes", json=1, headers=headers)

    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        [{"field": "Idempotency-Key", "message": "must be 1 to 255 visible ASCII characters"}],
    )
