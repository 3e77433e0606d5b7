"""Messages of one turn of the event loop, sent together at its end."""

import asyncio
import logging

import pytest

from proxy.forwarding.cork import MOST_BYTES, MOST_MESSAGES, Cork, Sender
from tests.support.fakes import World
from tests.support.routing import snapshot
from tests.support.wire_text import answer, get, read_answers

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Transport:
    """Notes what it is given in a list that several share."""

    def __init__(self, sent, *, broken=False):
        self.sent = sent
        self.broken = broken
        self.closing = self.aborted = False

    def abort(self):
        self.aborted = True

    def write(self, data):
        if self.broken:
            raise RuntimeError("closed")
        self.sent.append(data)

    def is_closing(self):
        return self.closing


async def test_whole_messages_go_out_together_in_the_order_they_came():
    cork, sent = Cork(), []
    for name in (b"a", b"b", b"c"):
        Sender(Transport(sent), cork).send_soon(name)
    assert sent == []
    await asyncio.sleep(0)
    assert sent == [b"a", b"b", b"c"]


async def test_each_turn_sends_its_own():
    cork, sent = Cork(), []
    sender = Sender(Transport(sent), cork)
    for name in (b"a", b"b"):
        sender.send_soon(name)
        await asyncio.sleep(0)
    assert sent == [b"a", b"b"]


async def test_messages_of_one_connection_are_sent_in_one_piece():
    cork, sent = Cork(), []
    sender = Sender(Transport(sent), cork)
    sender.send_soon(b"one ")
    sender.send_soon(b"two")
    await asyncio.sleep(0)
    assert sent == [b"one two"]


async def test_what_is_sent_at_once_goes_behind_what_waits():
    cork, sent = Cork(), []
    sender = Sender(Transport(sent), cork)
    sender.send_soon(b"one ")
    sender.send(b"two")
    assert sent == [b"one two"]
    await asyncio.sleep(0)
    assert sent == [b"one two"]


async def test_nothing_is_sent_on_a_connection_that_is_closing():
    cork, sent = Cork(), []
    transport = Transport(sent)
    Sender(transport, cork).send_soon(b"one")
    transport.closing = True
    await asyncio.sleep(0)
    assert sent == []


async def test_the_first_does_not_wait_for_a_long_turn():
    cork, sent = Cork(), []
    for number in range(MOST_MESSAGES + 1):
        Sender(Transport(sent), cork).send_soon(b"%d" % number)
    assert sent == [b"%d" % number for number in range(MOST_MESSAGES)]
    await asyncio.sleep(0)
    assert len(sent) == MOST_MESSAGES + 1


async def test_what_waits_is_bounded():
    cork, sent = Cork(), []
    for _ in range(3):
        Sender(Transport(sent), cork).send_soon(bytes(MOST_BYTES // 2))
    assert len(sent) == 3
    Sender(Transport(sent), cork).send_soon(b"more")
    assert len(sent) == 3
    await asyncio.sleep(0)
    assert len(sent) == 4


async def test_a_connection_that_cannot_be_sent_on_holds_up_no_other(caplog):
    cork, sent = Cork(), []
    broken = Transport(sent, broken=True)
    Sender(broken, cork).send_soon(b"one")
    Sender(Transport(sent), cork).send_soon(b"two")
    with caplog.at_level(logging.ERROR):
        await asyncio.sleep(0)
    assert sent == [b"two"]
    assert broken.aborted
    assert "could not be sent" in caplog.text


def test_an_answer_that_ends_the_connection_is_sent_before_its_end():
    with World(snapshot()) as world:
        client = world.client()
        client.sends(get("/1") + get("/2", "Connection: close"))
        for body in (b"one", b"two"):
            world.upstream.sends(answer(body=body))
        assert [message.body for message in read_answers(client.received)] == [b"one", b"two"]
        assert client.closed


def test_a_client_that_closes_its_side_in_the_turn_of_its_answer_gets_it():
    with World(snapshot()) as world:
        client = world.client()
        client.sends(get("/1"))
        connection = world.connection(client)

        def both():
            world.upstream.get_protocol().data_received(answer(body=b"one"))
            assert not connection.eof_received()
            client.close()

        world.act(both)
        assert [message.body for message in read_answers(client.received)] == [b"one"]


def test_a_message_that_is_cut_short_leaves_no_other_behind():
    with World(snapshot()) as world:
        client = world.client()
        client.sends(get("/1"))
        world.act(lambda: world.connection(client).drop())
        world.upstream.sends(answer())
        assert client.received == b""
