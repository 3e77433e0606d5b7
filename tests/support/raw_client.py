"""A client that speaks bytes: sends exactly what a case says and reads answers strictly.

It tells apart what matters to a client of an intermediary: an answer whose framing ended, one that was cut off
in order (eof) or torn down (reset), and silence. It never retries, never follows, never repairs.
"""

import asyncio
import socket
from dataclasses import dataclass, field

from tests.support.messages import Body, End, EndedError, Framing, Head, Wire, declared_framing, parse_head


@dataclass(slots=True)
class Answer:
    """What came back. `status` is 0 when the connection ended, or stayed silent, before a whole head."""

    status: int = 0
    head: Head = field(default_factory=lambda: Head(b"", "", ()))
    interim: list[Head] = field(default_factory=list)
    framing: Framing = field(default_factory=lambda: Framing("none"))
    read: Body = field(default_factory=Body)
    end: End = ""

    @property
    def body(self) -> bytes:
        return bytes(self.read.content)

    @property
    def complete(self) -> bool:
        """The framing ended properly: a client can tell that it has the whole answer."""
        return self.read.complete

    @property
    def reason(self) -> str:
        return self.head.first_line.partition(" ")[2].partition(" ")[2]

    @property
    def version(self) -> str:
        return self.head.first_line.split(" ", 1)[0]

    @property
    def interim_statuses(self) -> list[int]:
        return [int(head.first_line.split(" ")[1]) for head in self.interim]

    def values(self, name: str) -> list[str]:
        return self.head.values(name)

    def value(self, name: str) -> str | None:
        """The one value of a field, or None; several are joined as RFC 9110 §5.3 has it."""
        return ", ".join(self.values(name)) or None

    def __repr__(self) -> str:
        whole = "whole" if self.complete else f"cut off by {self.end or 'nothing'}"
        return f"<{self.head.first_line or 'no answer'}; {len(self.read.content)} bytes, {whole}; {self.head.fields}>"


class RawClient(Wire):
    """One client connection. `Wire` reads and writes; this adds answers."""

    @classmethod
    async def connect(cls, host: str, port: int, *, receive_buffer: int | None = None) -> "RawClient":
        """Open a connection; a small `receive_buffer` (bytes) makes a reader that is slow at once."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (host, port))
        except OSError:
            sock.close()
            raise
        return cls(*await asyncio.open_connection(sock=sock))

    async def read_head(self, *, within: float | None = None) -> Head:
        """One head, interim or final. Raises `EndedError`, `MalformedError`."""
        if within is None:
            return parse_head(await self.read_until(b"\r\n\r\n"))
        return parse_head(await self.read_until(b"\r\n\r\n", within=within))

    async def read_answer(self, to: str = "GET") -> Answer:
        """The final answer to a request of method `to`, and the interim ones. Raises only `MalformedError`."""
        answer = await self.read_answer_head(to)
        if answer.status:
            await self.finish(answer)
        return answer

    async def read_answer_head(self, to: str = "GET") -> Answer:
        """As `read_answer`, but stops before the body, which `read_chunk`, `read_some` or `finish` then read."""
        answer = Answer()
        try:
            while True:
                head = await self.read_head()
                status = int(head.first_line.split(" ")[1])
                if status >= 200 or status == 101:
                    break
                answer.interim.append(head)
        except EndedError as ended:
            answer.end = ended.end
            return answer
        answer.status, answer.head = status, head
        bodiless = to == "HEAD" or status in (101, 204, 304) or (to == "CONNECT" and status < 300)
        declared = declared_framing(head, otherwise="close")
        answer.framing = Framing("none") if bodiless else declared
        return answer

    async def read_part(self, answer: Answer, size: int) -> bytes:
        """Read on until `answer` has at least `size` bytes of body; all that it has. Raises `EndedError`."""
        while len(answer.read.content) < size:
            if answer.framing.kind == "chunked":
                await self.read_chunk(answer.read)
            else:
                answer.read.content += await self.read_exactly(size - len(answer.read.content))
        return answer.body

    async def finish(self, answer: Answer) -> Answer:
        """Read what is left of the body into `answer`."""
        try:
            await self.read_body(answer.framing, answer.read)
        except EndedError as ended:
            answer.end = ended.end
        return answer
