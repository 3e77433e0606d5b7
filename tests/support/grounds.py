"""Where a whole system keeps what must outlive its processes: a database for each member, and one bus.

`embedded` is SQLite and the log bus in a file, as a newcomer runs it; `real` is PostgreSQL and a Kafka-compatible
broker. A ground that was filled once can be copied: that is cheaper than filling another one.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.support.brokers import Broker, noida_db
from tests.support.postgres import Postgres

MEMBERS = ("monolith", "orders", "payments", "inventory")


class Ground(Protocol):
    """`folder` is for what the members keep beside their databases: keys, pictures, the card processor's ledger."""

    folder: Path

    @property
    def databases(self) -> Mapping[str, str]:
        """Member → DATABASE_URL."""

    @property
    def broker_url(self) -> str: ...

    def copy(self, folder: Path) -> "Ground":
        """The same data once more, with a bus of its own. Nobody may work on this one meanwhile."""

    def begin(self) -> None:
        """Start what has to run before the members do."""

    def end(self) -> None:
        """Stop that, and leave nothing behind outside of `folder`."""


@dataclass
class Embedded:
    folder: Path

    @property
    def databases(self) -> Mapping[str, str]:
        return {name: f"sqlite:///{self.folder / name}.db" for name in MEMBERS}

    @property
    def broker_url(self) -> str:
        return f"sqlite:///{self.folder / 'broker.db'}"

    def copy(self, folder: Path) -> "Embedded":
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.log"))
        return Embedded(folder)

    def begin(self) -> None:
        """Files need nobody."""

    def end(self) -> None:
        """The folder goes with the test's."""


@dataclass
class Real:
    """`copied` are the names of the databases to begin with, one for each member. Without `has_broker` the bus is in
    a file here too: a Kafka group takes some ten seconds to get over a member that was killed."""

    folder: Path
    postgres: Postgres
    copied: Mapping[str, str] | None = None
    has_broker: bool = True
    broker: Broker = field(init=False)
    names: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        templates = self.copied or {}
        self.names = {name: self.postgres.create_database(template=templates.get(name)) for name in MEMBERS}
        self.broker = noida_db(self.folder)

    @property
    def databases(self) -> Mapping[str, str]:
        return {name: self.postgres.url(database) for name, database in self.names.items()}

    @property
    def broker_url(self) -> str:
        return self.broker.url if self.has_broker else f"sqlite:///{self.folder / 'broker.db'}"

    def copy(self, folder: Path, *, with_broker: bool | None = None) -> "Real":
        """The bus begins empty: all that was told before is in the databases already."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.log", "data", "broker.db*"))
        return Real(folder, self.postgres, self.names, self.has_broker if with_broker is None else with_broker)

    def begin(self) -> None:
        if self.has_broker:
            self.broker.start()

    def end(self) -> None:
        if self.broker.process is not None:
            self.broker.process.stop()
        for name in self.names.values():
            self.postgres.drop_database(name)


@contextmanager
def begun(ground: Ground) -> Iterator[Ground]:
    """A ground for as long as the block lasts."""
    try:
        ground.begin()
        yield ground
    finally:
        ground.end()
