from collections.abc import Iterator
from pathlib import Path

import pytest

from extracted_services.orders.tests.neighbours import Neighbours, open_neighbours
from extracted_services.orders.tests.service import IMPATIENT, Service, open_service
from tests.support.postgres import Postgres


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def neighbours() -> Iterator[Neighbours]:
    with open_neighbours() as shop:
        yield shop


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, neighbours: Neighbours
) -> Iterator[Service]:
    """A process that serves a whole module, on each kind of database in turn."""
    folder = tmp_path_factory.mktemp("orders")
    with open_service(folder, _url_in(folder, request), neighbours) as running:
        yield running


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def impatient(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, neighbours: Neighbours
) -> Iterator[Service]:
    """As `service`, on a database of its own, and soon to tell customers `pending`."""
    folder = tmp_path_factory.mktemp("impatient")
    with open_service(folder, _url_in(folder, request), neighbours, ORDER_WAIT=IMPATIENT) as running:
        yield running


def _url_in(folder: Path, request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{folder / 'orders.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(server.create_database())
