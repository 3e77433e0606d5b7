"""The control process's end of the links: which workers are there, what they were sent, what they counted.

Workers come and go; a worker that comes is sent the snapshot that serves, if it has another. Counters of workers that
have ended are kept added up, so that a sum never goes back while this process lives.
"""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy import clock
from proxy.control.holds_file import holds_message
from proxy.control.link import PROTOCOL_VERSION, Link, LinkError, Message
from proxy.control.pairs import Pair, from_message, wanted_message
from proxy.forwarding.holding import Hold
from proxy.forwarding.known_endpoints import Known, to_json
from proxy.forwarding.recording import Wanted
from proxy.observability.log import Log
from proxy.observability.metrics import Totals
from proxy.wire.exchange import Exchange

HELLO_SECONDS = 5.0

Waiting = dict[int, asyncio.Future[Message]]
"""By number of what was asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker made of something it was sent. `late` when it did not say in time; `holds` where that was asked."""

    worker: int
    generation: int = 0
    problems: tuple[str, ...] = ()
    late: bool = False
    holds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Peer:
    """A connected worker process."""

    link: Link
    worker: int
    pid: int
    generation: int
    revision: str
    since: float
    waiting: dict[int, asyncio.Future[Message]] = field(default_factory=dict)
    holding: dict[int, asyncio.Future[Message]] = field(default_factory=dict)  # likewise; no snapshot waits for these

    def settle(self, message: Message) -> None:
        self.revision = message["revision"]
        answer = self.waiting.pop(message["id"], None) or self.holding.pop(message["id"], None)
        if answer is not None and not answer.done():
            answer.set_result(message)

    def leave(self) -> None:
        for answer in (*self.waiting.values(), *self.holding.values()):
            answer.cancel()


class Hub:
    """All links of the control process."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._peers: set[Peer] = set()
        self._joined = asyncio.Event()
        self._ids = itertools.count(1)
        self._current: tuple[str, str] | None = None
        self._standing: dict[str, Message] = {}  # by type: what workers are told when they come, the newest of each
        self.take_pair: Callable[[Pair], None] = lambda _pair: None  # whoever compares
        self.take_recorded: Callable[[Exchange, int, Mapping[str, int]], None] = lambda *_: (
            None
        )  # with the worker's losses
        self.take_traffic: Callable[[int, list[list[Any]]], None] = lambda *_: None  # a generation's rows, cumulative
        self._batches: dict[int, Mapping[str, Any]] = {}  # by generation; each is all that process has counted
        self._ended = Totals()
        self._begun = Totals()
        self._living: frozenset[int] | None = None

    async def accept(self, listener: socket.socket) -> None:
        """Serve the links of workers until cancelled."""
        server = await asyncio.start_unix_server(self._on_connection, sock=listener)
        async with server:
            await server.serve_forever()

    def peers(self) -> list[Peer]:
        """Connected workers, by number; during a rolling restart two may bear the same."""
        return sorted(self._peers, key=lambda peer: (peer.worker, peer.generation))

    async def wait_for(self, workers: int) -> None:
        """Return once that many different workers are connected."""
        while len({peer.worker for peer in self._peers}) < workers:
            self._joined.clear()
            await self._joined.wait()

    # Snapshots and certificates

    def settle_on(self, revision: str, text: str) -> None:
        """Make this the snapshot that workers are sent when they come; also those that came in the meantime."""
        self._current = (revision, text)
        for peer in self.peers():
            if peer.revision != revision and not peer.waiting:
                self._send_current(peer)

    async def push(self, text: str, *, within_seconds: float) -> list[Answer]:
        """Send a snapshot to every connected worker and wait for what they say."""
        return await self._ask({"type": "snapshot", "text": text}, within_seconds)

    async def reload_certificates(self, *, within_seconds: float) -> list[Answer]:
        return await self._ask({"type": "certificates"}, within_seconds)

    def settle_on_endpoints(self, known: Mapping[str, Known]) -> None:
        """Tell every worker, and those that come, what is known of endpoints. Nobody answers to that."""
        self._settle_on({"type": "endpoints", "upstreams": to_json(known)})

    def settle_on_asking_again(self, shares: Mapping[str, float]) -> None:
        """Tell every worker, and those that come, how often the primary of a copied request is asked a second time."""
        self._settle_on({"type": "ask_again", "shares": dict(shares)})

    def close_left(self, routes: Sequence[str]) -> None:
        """Tell the workers that are there to end what these routes have left; one that misses it does so in time."""
        for peer in self.peers():
            self._tell(peer, {"type": "close_left", "routes": list(routes)})

    def settle_on_recording(self, wanted: Wanted | None) -> None:
        """Tell every worker, and those that come, what to record from now on; None: nothing."""
        self._settle_on(wanted_message(wanted))

    async def settle_on_holds(self, holds: Sequence[Hold], *, within_seconds: float) -> list[Answer]:
        """Tell every worker, and those that come, which writes to hold; what those that are here say of them."""
        message = self._standing["holds"] = holds_message(holds)
        answers = await self._ask(message, within_seconds, lambda peer: peer.holding)
        for peer in self._peers:
            peer.holding.clear()  # who is late is not waited for
        return answers

    def _settle_on(self, message: Message) -> None:
        self._standing[message["type"]] = message
        for peer in self.peers():
            self._tell(peer, message)

    def _tell(self, peer: Peer, message: Message) -> None:
        try:
            peer.link.send(message)
        except LinkError as error:  # it is sent the newest when it connects again
            self._log.warning("worker_unreachable", worker=peer.worker, detail=str(error))

    async def _ask(
        self, message: Message, within_seconds: float, where: Callable[[Peer], Waiting] = lambda peer: peer.waiting
    ) -> list[Answer]:
        asked = [
            (peer, answer) for peer in self.peers() if (answer := self._request(peer, message, where(peer))) is not None
        ]
        if not asked:
            return []
        await asyncio.wait([answer for _, answer in asked], timeout=within_seconds)
        return [_answer(peer, answer) for peer, answer in asked if not answer.cancelled()]

    def _request(self, peer: Peer, message: Message, waiting: Waiting) -> asyncio.Future[Message] | None:
        number = next(self._ids)
        try:
            peer.link.send({**message, "id": number})
        except LinkError as error:
            self._log.warning("worker_unreachable", worker=peer.worker, detail=str(error))
            return None
        answer = waiting[number] = asyncio.get_running_loop().create_future()
        return answer

    def _send_current(self, peer: Peer) -> None:
        if self._current is not None:
            self._request(peer, {"type": "snapshot", "text": self._current[1]}, peer.waiting)

    # Connections

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # When this process ends the handler is cancelled, which Python 3.11 would report with a traceback.
        with contextlib.suppress(asyncio.CancelledError):
            await self._serve(Link(reader, writer))

    async def _serve(self, link: Link) -> None:
        peer = None
        try:
            messages = link.messages()
            async with asyncio.timeout(HELLO_SECONDS):
                hello = await anext(messages, None)
            peer = _greet(link, hello)
            self._join(peer)
            async for message in messages:
                self._on_message(peer, message)
        except (LinkError, OSError, TimeoutError, KeyError, TypeError, ValueError) as error:
            self._log.warning("link_refused", worker=peer and peer.worker, detail=repr(error))
        finally:
            if peer is not None:
                self._part(peer)
            await link.close()

    def _join(self, peer: Peer) -> None:
        self._peers.add(peer)
        self._joined.set()
        if self._current is not None and peer.revision != self._current[0]:
            self._send_current(peer)
        for message in self._standing.values():  # behind the snapshot whose upstreams and routes they are about
            self._tell(peer, message)

    def _part(self, peer: Peer) -> None:
        self._peers.discard(peer)
        peer.leave()
        self._fold()

    def _on_message(self, peer: Peer, message: Message) -> None:
        match message["type"]:
            case "counters":
                if peer.generation not in self._batches:
                    self._begun.add(message["batch"], gauges=False)
                self._batches[peer.generation] = message["batch"]
            case "traffic":
                self.take_traffic(peer.generation, message["rows"])
            case "ack":
                peer.settle(message)
                if message["problems"]:
                    self._log.failure("worker_refused", worker=peer.worker, problems=message["problems"])
            case "pair":
                self.take_pair(from_message(message))
            case "recorded":
                self.take_recorded(from_message(message).exchange, peer.generation, message["lost"])

    # Counters

    def keep_only(self, living: Collection[int]) -> None:
        """The supervisor's word on which generations are alive: those that are not will count no more."""
        self._living = frozenset(living)
        self._fold()

    def _fold(self) -> None:
        if self._living is None:
            return
        connected = {peer.generation for peer in self._peers}
        for generation in set(self._batches) - connected - self._living:
            self._ended.add(self._batches.pop(generation), gauges=False)

    def may_count(self, generation: int) -> bool:
        """Whether more may come of that worker."""
        return (
            self._living is None or generation in self._living or any(p.generation == generation for p in self._peers)
        )

    def totals(self) -> Totals:
        """Everything counted by workers that live or lived while this process did."""
        totals = Totals()
        totals.add(self._ended.as_batch())
        connected = {peer.generation for peer in self._peers}
        for generation, batch in self._batches.items():
            totals.add(batch, gauges=generation in connected)
        return totals

    def begun(self) -> Totals:
        """What workers had counted when they first said so to this process. `totals` less this came since, also when
        a worker that has counted for days appears only now."""
        return self._begun

    def batches(self) -> Iterator[tuple[Peer, Mapping[str, Any]]]:
        """The latest batch of every connected worker."""
        return ((peer, self._batches.get(peer.generation, {})) for peer in self.peers())


def _greet(link: Link, hello: Message | None) -> Peer:
    if hello is None or hello["type"] != "hello":
        raise LinkError("a connection did not begin with hello")
    if hello["version"] != PROTOCOL_VERSION:
        raise LinkError(f"a worker speaks version {hello['version']} of the link, not {PROTOCOL_VERSION}")
    now = clock.now().timestamp()
    return Peer(link, hello["worker"], hello["pid"], hello["generation"], hello["revision"], now)


def _answer(peer: Peer, answer: asyncio.Future[Message]) -> Answer:
    if not answer.done():
        return Answer(peer.worker, peer.generation, late=True)
    told = answer.result()
    return Answer(peer.worker, peer.generation, tuple(told["problems"]), holds=told.get("holds", {}))
