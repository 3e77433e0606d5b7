from collections.abc import Iterator

import pytest

from extracted_services.orders.tests.neighbours import Neighbours, open_neighbours
from extracted_services.orders.tests.service import Service, open_service
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
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'orders.db'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.url(server.create_database())
    with open_service(folder, url, neighbours) as running:
        yield running
