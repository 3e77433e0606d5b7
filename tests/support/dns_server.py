"""A DNS server on loopback whose records change while it runs, and that can fall silent or fail."""

import contextlib
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Additional = Sequence[tuple[str, str, int, str]]
"""Name, type, TTL, data of records that an answer brings along."""


class DnsServer(socketserver.ThreadingUDPServer):
    """Answers for the records it was given, by name and type; other names do not exist."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Question)
        self.asked: Counter[tuple[str, str]] = Counter()
        self.silent = False
        self.rcode: dns.rcode.Rcode | None = None  # instead of an answer
        self._answers: dict[tuple[str, str], tuple[dns.rrset.RRset, list[dns.rrset.RRset]]] = {}
        self._names: set[str] = set()

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[Self]:
        server = cls()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def answer(self, name: str, kind: str, *data: str, ttl: int = 60, along: Additional = ()) -> None:
        """From now on, `name` has these records of that type; without any, the name exists and has none."""
        brought = [dns.rrset.from_text(f"{each}.", seconds, "IN", of, text) for each, of, seconds, text in along]
        self._names.add(name)
        self._answers.pop((name, kind), None)
        if data:
            self._answers[name, kind] = (dns.rrset.from_text(f"{name}.", ttl, "IN", kind, *data), brought)

    def forget(self, name: str) -> None:
        """From now on, `name` does not exist."""
        self._names.discard(name)

    def respond(self, wire: bytes) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        if self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if self.rcode is not None:
            response.set_rcode(self.rcode)
        elif name not in self._names:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif (name, kind) in self._answers:
            records, brought = self._answers[name, kind]
            response.answer.append(records)
            response.additional.extend(brought)
        return response.to_wire()


class _Question(socketserver.BaseRequestHandler):
    server: DnsServer

    def handle(self) -> None:
        wire, sock = self.request
        if (answer := self.server.respond(wire)) is not None:
            sock.sendto(answer, self.client_address)
