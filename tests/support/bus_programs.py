"""Processes that publish to a bus and consume from it, to be killed at any moment: what they did lies in SQLite files.

python -m tests.support.bus_programs consume BROKER_URL TOPIC GROUP EFFECTS_FILE
python -m tests.support.bus_programs publish BROKER_URL TOPIC ACKNOWLEDGED_FILE
"""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any

from extracted_services.messaging.open import open_bus
from extracted_services.messaging.ports import Delivery, Message

BATCH = 10


class Effects:
    """The database of a consumer: an effect is made once, by the inbox row in its transaction; a repeat is counted."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=10, isolation_level=None)
        self._connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
            "CREATE TABLE IF NOT EXISTS effect (turn INTEGER PRIMARY KEY, id TEXT UNIQUE, key TEXT, pid INTEGER);"
            "CREATE TABLE IF NOT EXISTS repeat (id TEXT);"
        )

    def make(self, message: Message, pid: int) -> None:
        """One transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            values = (message.id, message.key, pid)
            new = self._connection.execute(
                "INSERT INTO effect (id, key, pid) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values
            ).rowcount
            if not new:
                self._connection.execute("INSERT INTO repeat VALUES (?)", (message.id,))
        finally:
            self._connection.execute("COMMIT")

    def count(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM effect").fetchone()[0])

    def repeats(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM repeat").fetchone()[0])

    def by_pid(self) -> dict[int, int]:
        return dict(self._connection.execute("SELECT pid, count(*) FROM effect GROUP BY pid").fetchall())

    def in_order(self) -> dict[str, list[str]]:
        """Ids by key, in the order in which their effects were made."""
        made: dict[str, list[str]] = {}
        for key, identity in self._connection.execute("SELECT key, id FROM effect ORDER BY turn"):
            made.setdefault(key, []).append(identity)
        return made

    def close(self) -> None:
        self._connection.close()


async def consume(url: str, topic: str, group: str, effects_file: str) -> None:
    """Handle until killed."""
    effects = Effects(Path(effects_file))

    async def handle(delivery: Delivery) -> None:
        effects.make(delivery.message, os.getpid())

    async with open_bus(url, client="consumer").subscribe([topic], group, handle):
        await asyncio.Event().wait()


async def publish(url: str, topic: str, acknowledged_file: str) -> None:
    """Publish batch after batch until killed; the number of a batch is written down when the bus has it."""
    bus = open_bus(url, client="publisher")
    acknowledged = os.open(acknowledged_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number in count():
        await bus.publish([Message(topic, f"{n % 3}", b"", f"{number}-{n}") for n in range(BATCH)])
        os.write(acknowledged, f"{number}\n".encode())


PROGRAMS: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {"consume": consume, "publish": publish}

if __name__ == "__main__":
    asyncio.run(PROGRAMS[sys.argv[1]](*sys.argv[2:]))
