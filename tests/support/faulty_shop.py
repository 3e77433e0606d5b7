"""A shop's old side and its new one, a process each, to be compared: the new side has faults that are planted.

`python -m tests.support.faulty_shop PORT old|new`. Both are right about everything else, and both tell the time, which
is never the same. The faults of the new side:

* a price with half a cent is rounded the other way, which 3 % of the products have;
* products of one category lack a field;
* a clerk is let in to what is forbidden to clerks;
* of equal prices, which come in no order, others come first.
"""

import asyncio
import json
import sys
import time
from typing import Any

CATEGORIES = ("books", "garden", "kitchen", "music", "toys")
ROUNDED_OTHERWISE = 33  # one product in so many
ORDINARY, CLERK = "x-role: auditor", "x-role: clerk"


def product(number: int, new: bool) -> dict[str, Any]:
    category = CATEGORIES[number % len(CATEGORIES)]
    cents = 1000 + number % 500 + (1 if new and number % ROUNDED_OTHERWISE == 0 else 0)
    found = {"id": number, "name": f"Thing {number}", "category": category, "price": f"{cents / 100:.2f}"}
    if not (new and category == "toys"):
        found["age_from"] = number % 12
    return {**found, "tags": [f"t{each}" for each in range(number % 7)], "served_at": time.time_ns()}


def search(number: int, new: bool) -> dict[str, Any]:
    items = [{"sku": f"S{each}", "price": (each + number) // 3} for each in range(12)]
    items.sort(key=lambda item: (item["price"], -int(item["sku"][1:]) if new else int(item["sku"][1:])))
    return {"items": items, "total": 12}


def answer(head: str, new: bool) -> tuple[int, dict[str, Any]]:
    """Status and body for a request head in lower case."""
    path = head.split(" ", 2)[1]
    _, kind, number = path.split("/", 2)
    match kind:
        case "products":
            return 200, product(int(number), new)
        case "search":
            return 200, search(int(number), new)
        case "reports" if CLERK in head and not new:
            return 403, {"error": "not for clerks"}
        case _:
            return 200, {"report": number}


class Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, new: bool) -> None:
        self._new = new
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while b"\r\n\r\n" in self._held:
            head, _, self._held = self._held.partition(b"\r\n\r\n")
            status, found = answer(head.decode().lower(), self._new)
            body = json.dumps(found).encode()
            fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.transport.write(f"HTTP/1.1 {status} Said\r\n{fields}".encode() + body)


async def main(port: int, new: bool) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(new), "127.0.0.1", port)
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2] == "new"))
