"""Fixtures: grounds of each kind on which a small shop lies, copied to all services; made once in a test run.

Of two kinds because nothing else shows that a promise does not rest on SQLite's one writer, or on a bus in a file.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support.grounds import Embedded, Ground, Real, begun
from tests.support.postgres import started_postgres
from tests.support.system import SERVICES, System

G = TypeVar("G", bound=Ground)
SAMPLE = ("--seed", "--products", "40", "--orders", "20", "--users", "5")


@pytest.fixture(scope="session")
def filled_embedded(tmp_path_factory: pytest.TempPathFactory) -> Embedded:
    return _filled(Embedded(tmp_path_factory.mktemp("embedded")))


@pytest.fixture(scope="session")
def filled_real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """On a server of its own, which a test may stop."""
    with started_postgres() as postgres:
        ground = Real(tmp_path_factory.mktemp("real"), postgres, has_broker=False)
        try:
            yield _filled(ground)
        finally:
            ground.end()


@pytest.fixture
def embedded(filled_embedded: Embedded, tmp_path: Path) -> Iterator[Ground]:
    """SQLite, and the bus in a file."""
    with begun(filled_embedded.copy(tmp_path / "ground")) as ground:
        yield ground


@pytest.fixture
def real(filled_real: Real, tmp_path: Path) -> Iterator[Ground]:
    """PostgreSQL, and a Kafka-compatible broker."""
    with begun(filled_real.copy(tmp_path / "ground", with_broker=True)) as ground:
        yield ground


@pytest.fixture
def brokerless(filled_real: Real, tmp_path: Path) -> Iterator[Ground]:
    """PostgreSQL, and the bus in a file."""
    with begun(filled_real.copy(tmp_path / "ground")) as ground:
        yield ground


@pytest.fixture(params=["embedded", "real"])
def ground(request: pytest.FixtureRequest) -> Ground:
    """Each kind in turn."""
    chosen: Ground = request.getfixturevalue(request.param)
    return chosen


def _filled(ground: G) -> G:
    ground.begin()
    asyncio.run(_fill(ground))
    return ground


async def _fill(ground: Ground) -> None:
    system = System(ground)
    try:
        system.members["monolith"].start(*SAMPLE)
        for service in SERVICES:
            system.members[service].start()
        await system.wait_until_ready(path="/healthz")
        system.fill_services()
        await system.wait_until_ready()
        system.stop()
    finally:
        await system.close()
