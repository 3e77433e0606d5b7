"""Requests and answers as bytes, and what is to be seen in those that came out: for transcripts of the data path."""

import json
from typing import Any, NamedTuple


def get(target: str = "/a", *lines: str, host: str = "shop.example") -> bytes:
    return request(f"GET {target}", *lines, host=host)


def request(start: str, *lines: str, body: bytes = b"", host: str = "shop.example", version: str = "1.1") -> bytes:
    """`start` is method and target."""
    written = "\r\n".join((f"{start} HTTP/{version}", f"Host: {host}", *lines))
    return written.encode("latin-1") + b"\r\n\r\n" + body


def answer(status: str = "200 OK", *lines: str, body: bytes | None = b"ok", version: str = "1.1") -> bytes:
    """An answer with a length; `body=None` for one without."""
    length = () if body is None else (f"Content-Length: {len(body)}",)
    return "\r\n".join((f"HTTP/{version} {status}", *lines, *length)).encode("latin-1") + b"\r\n\r\n" + (body or b"")


class Message(NamedTuple):
    """A head taken apart, and all that stands behind it."""

    first: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def value(self, name: str) -> str | None:
        """The one value of a field, or None; an error where there are two."""
        found = self.values(name)
        assert len(found) < 2, found
        return found[0] if found else None

    @property
    def status(self) -> int:
        return int(self.first.split(" ")[1])

    @property
    def outcome(self) -> str:
        """Of an answer that the proxy made itself."""
        assert self.value("content-type") == "application/problem+json"
        content: dict[str, Any] = json.loads(self.body)
        assert content["status"] == self.status
        assert content["request_id"] == self.value("x-request-id")
        return str(content["type"]).removeprefix("urn:strangler:")


def read(data: bytes) -> Message:
    """The message in `data`."""
    head, empty, body = data.partition(b"\r\n\r\n")
    assert empty, f"no whole head: {data!r}"
    first, *lines = head.decode("latin-1").split("\r\n")
    return Message(first, tuple(_field(line) for line in lines), body)


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(": ")
    assert colon, line
    return name, value


def read_answers(data: bytes) -> list[Message]:
    """Several answers with lengths, one behind the other."""
    found: list[Message] = []
    while data:
        message = read(data)
        length = int(message.value("content-length") or 0)
        found.append(message._replace(body=message.body[:length]))
        data = message.body[length:]
    return found
