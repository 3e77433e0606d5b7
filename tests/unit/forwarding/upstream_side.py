"""What stands around an upstream connection: a socket that notes, and whom it tells about its answers."""

import asyncio

from proxy.forwarding.cork import Cork


class AtOnce(Cork):
    """Sends without a turn of an event loop."""

    def add(self, sender, size):
        sender.flush()


class Transport(asyncio.Transport):
    def __init__(self, protocol):
        super().__init__()
        self.protocol = protocol
        self.written = b""
        self.aborted = False

    def write(self, data):
        self.written += data

    def abort(self):
        self.aborted = True
        self.protocol.connection_lost(None)

    def is_closing(self):
        return self.aborted

    def set_protocol(self, protocol):
        self.protocol = protocol

    def pause_reading(self): ...
    def resume_reading(self): ...


class Receiver:
    """Notes what it is told, in order; ends its exchange at the answer's end."""

    def __init__(self, method="GET", now=0.0):
        self.method = method
        self.now = now
        self.told = []
        self.content = b""
        self.connection = None

    def ask(self, connection):
        self.connection = connection
        connection.begin(self, b"request")

    def receive_interim(self, head):
        self.told.append(f"interim {head.status}")

    def receive_head(self, head, body, data, last):
        self.told.append(f"head {head.status} {body.value}")
        self.receive_data(data, last)

    def receive_data(self, data, last):
        self.content += data
        if last:
            self.told.append("end")
            self.connection.end(reusable=True, now=self.now)

    def receive_switch(self, head, data):
        self.told.append(f"switch {data!r}")
        self.connection.receiver = None

    def upstream_broken(self, error):
        self.told.append("broken")

    def upstream_lost(self, error, *, silent):
        self.told.append("lost silent" if silent else "lost")

    def upstream_full(self):
        self.told.append("full")

    def upstream_drained(self):
        self.told.append("drained")
