"""The framing between processes, on the side with an event loop and on the side without."""

import asyncio
import socket
import struct

import pytest

from proxy.control import link
from proxy.control.link import Decoder, Link, LinkError, decode, encode


def frames(*messages: dict[str, object]) -> bytes:
    return b"".join(encode({"type": "test", **message}) for message in messages)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_decoder_gives_each_message_once_however_the_bytes_are_cut(cut: int) -> None:
    data = frames({"n": 1}, {"n": 2, "text": "ä" * 9}, {"n": 3})
    decoder = Decoder()
    found = [m["n"] for start in range(0, len(data), cut) for m in decoder.feed(data[start : start + cut])]
    assert found == [1, 2, 3]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"type": 3}', b"\xff"])
def test_a_frame_that_is_not_an_object_with_a_type_is_refused(body: bytes) -> None:
    with pytest.raises(LinkError):
        decode(body)


@pytest.mark.parametrize("bodies", [[b""], [b"a", b"", b"\x00\xff" * 400]])
def test_bodies_come_along_as_they_are(bodies: list[bytes]) -> None:
    (message,) = Decoder().feed(encode({"type": "test", "n": 1}, bodies))
    assert (message["n"], message["bodies"]) == (1, bodies)


@pytest.mark.parametrize(
    "body",
    [
        b"\0",
        b"\0\0\0\0\x09{",
        b'\0\0\0\0\x0e{"type": "a"}',
        b'\0\0\0\0\x1c{"type": "a", "sizes": [3]}ab',
        b'\0\0\0\0\x1c{"type": "a", "sizes": [1]}ab',
        b'\0\0\0\0\x1e{"type": "a", "sizes": ["x"]}a',
    ],
)
def test_bodies_that_are_not_where_the_frame_says_are_refused(body: bytes) -> None:
    with pytest.raises(LinkError):
        decode(body)


def test_a_frame_above_the_limit_is_refused_before_its_body_is_read() -> None:
    with pytest.raises(LinkError, match="above the limit"):
        list(Decoder().feed(struct.pack(">I", link.MAX_FRAME_BYTES + 1)))


def test_a_link_carries_messages_both_ways_and_ends_when_the_peer_closes() -> None:
    async def talk() -> None:
        ours, theirs = await linked()
        ours.send({"type": "hello", "text": "x" * (link.THREAD_BYTES + 1)})
        ours.send({"type": "bye"})
        incoming = theirs.messages()
        assert (await anext(incoming))["type"] == "hello"
        theirs.send({"type": "ack"})
        assert (await anext(ours.messages()))["type"] == "ack"
        await ours.close()
        assert [message["type"] async for message in incoming] == ["bye"]
        await theirs.close()

    asyncio.run(talk())


def test_a_connection_that_breaks_inside_a_frame_ends_without_a_message() -> None:
    async def talk() -> None:
        left, right = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=left)
        right.send(frames({"n": 1})[:-1])
        right.close()
        receiving = Link(reader, writer)
        assert [message async for message in receiving.messages()] == []
        await receiving.close()

    asyncio.run(talk())


def test_a_peer_that_does_not_read_ends_the_link_instead_of_filling_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MAX_UNSENT_BYTES", 100_000)

    async def talk() -> None:
        ours, theirs = await linked()
        with pytest.raises(LinkError, match="does not read"):
            send_much(ours)
        with pytest.raises(LinkError, match="closed"):
            ours.send({"type": "test"})
        await ours.close()
        await theirs.close()

    asyncio.run(talk())


def send_much(ours: Link) -> None:
    for _ in range(1000):
        ours.send({"type": "test", "text": "x" * 10_000})


async def linked() -> tuple[Link, Link]:
    left, right = socket.socketpair()
    return (
        Link(*await asyncio.open_unix_connection(sock=left)),
        Link(*await asyncio.open_unix_connection(sock=right)),
    )
