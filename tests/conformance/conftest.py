"""Fixtures of the conformance suite: engines, the scripted upstream, and one `gateway` a case.

pytest tests/conformance                                        our engines
pytest tests/conformance --peer nginx --peer haproxy            other products, held to the RFCs alone
pytest tests/conformance --gateway 127.0.0.1:8080 --upstream-port 9900   any gateway that forwards to that port
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.case import Engine, Gateway
from tests.conformance.engines import (
    DRAIN,
    ENGINES,
    LONG_DRAIN,
    PEERS,
    SHORT_OF_HEADS,
    SHORT_OF_SILENCE,
    TRUST,
    Backends,
    Patience,
    never_accepting,
    started,
)
from tests.support.processes import free_port
from tests.support.raw_upstream import RawUpstream


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--engine", action="append", choices=ENGINES, help="run on this engine only")
    group.addoption("--peer", action="append", choices=PEERS, help="run on this product instead")
    group.addoption("--gateway", metavar="HOST:PORT", help="run on a gateway that is there already")
    group.addoption("--upstream-port", type=int, default=0, help="where that gateway forwards /up/ to")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "source(*where): the RFC section or the promise that a case checks")
    config.addinivalue_line("markers", "ours: a promise of this product, or a case that needs its routes")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" not in metafunc.fixturenames:
        return
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    names = [name for name in _chosen(metafunc.config) if name in ENGINES or "ours" not in marks]
    if "wire" in marks:
        names = [name for name in names if name != "asgi"]
    metafunc.parametrize("engine", names, indirect=True, scope="session")


def _chosen(config: pytest.Config) -> list[str]:
    if config.getoption("--gateway", default=None):
        return ["gateway"]
    chosen = config.getoption("--peer", default=None) or config.getoption("--engine", default=None)
    return list(chosen or ENGINES)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def scripted(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncIterator[RawUpstream]:
    """The upstream of all cases: it lives as long as the engines, so that their pooled connections stay good."""
    upstream = RawUpstream()
    await upstream.start(request.config.getoption("--upstream-port", default=0))
    yield upstream
    await upstream.stop()


@pytest.fixture(scope="session")
def backends(scripted: RawUpstream) -> Iterator[Backends]:
    with never_accepting() as unreachable:
        yield Backends(scripted.port, free_port(), unreachable)


@pytest.fixture(scope="session")
def engine(
    request: pytest.FixtureRequest, backends: Backends, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """A running gateway, the same one for all cases."""
    name: str = request.param
    if name == "gateway":
        host, _, port = request.config.getoption("--gateway").rpartition(":")
        yield Engine(name, int(port), host, ours=False)
        return
    with started(name, tmp_path_factory.mktemp(name), backends) as running:
        yield running


@pytest.fixture(scope="session")
def trusting_engine(engine: Engine, backends: Backends, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The same engine, told to believe its peer, and to let encoded slashes through."""
    with started(engine.name, tmp_path_factory.mktemp(f"trusting-{engine.name}"), backends, listen=TRUST) as running:
        yield running


@pytest.fixture(scope="session")
def engine_short_of_heads(
    engine: Engine, backends: Backends, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The same engine, told to wait a second for a head."""
    with _less_patient(engine, tmp_path_factory.mktemp("heads"), backends, SHORT_OF_HEADS) as running:
        yield running


@pytest.fixture(scope="session")
def engine_short_of_silence(
    engine: Engine, backends: Backends, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The same engine, told to wait two seconds for a client that is silent."""
    with _less_patient(engine, tmp_path_factory.mktemp("silence"), backends, SHORT_OF_SILENCE) as running:
        yield running


@contextmanager
def _less_patient(engine: Engine, folder: Path, backends: Backends, patience: Patience) -> Iterator[Engine]:
    """Other products keep the limits that they have."""
    if not engine.ours:
        yield engine
        return
    with started(engine.name, folder, backends, patience=patience) as running:
        yield running


@pytest.fixture
async def gateway(engine: Engine, scripted: RawUpstream) -> AsyncIterator[Gateway]:
    """This case's way through the engine. Whatever the engine sends upstream must be well formed."""
    async for opened in _opened(engine, scripted):
        yield opened


@pytest.fixture
async def trusting(trusting_engine: Engine, scripted: RawUpstream) -> AsyncIterator[Gateway]:
    """As `gateway`, through the engine that trusts us."""
    async for opened in _opened(trusting_engine, scripted):
        yield opened


@pytest.fixture
async def short_of_heads(engine_short_of_heads: Engine, scripted: RawUpstream) -> AsyncIterator[Gateway]:
    """As `gateway`, through an engine that waits a second for a head."""
    async for opened in _opened(engine_short_of_heads, scripted):
        yield opened


@pytest.fixture
async def short_of_silence(engine_short_of_silence: Engine, scripted: RawUpstream) -> AsyncIterator[Gateway]:
    """As `gateway`, through an engine that waits two seconds for a silent client."""
    async for opened in _opened(engine_short_of_silence, scripted):
        yield opened


@pytest.fixture
async def draining(engine: Engine, backends: Backends, scripted: RawUpstream, tmp_path: Path) -> AsyncIterator[Gateway]:
    """As `gateway`, through an engine of this case alone, which it may end."""
    with started(engine.name, tmp_path, backends, listen=DRAIN) as running:
        async for opened in _opened(running, scripted):
            yield opened


@pytest.fixture
async def patient(engine: Engine, backends: Backends, scripted: RawUpstream, tmp_path: Path) -> AsyncIterator[Gateway]:
    """As `draining`, with a limit that nothing here reaches."""
    with started(engine.name, tmp_path, backends, listen=LONG_DRAIN) as running:
        async for opened in _opened(running, scripted):
            yield opened


@pytest.fixture
async def crowded(engine: Engine, backends: Backends, scripted: RawUpstream, tmp_path: Path) -> AsyncIterator[Gateway]:
    """As `gateway`, through an engine that takes no more than four connections."""
    with started(engine.name, tmp_path, backends, connections=4) as running:
        async for opened in _opened(running, scripted):
            yield opened


async def _opened(engine: Engine, scripted: RawUpstream) -> AsyncIterator[Gateway]:
    case = scripted.open_case()
    gateway = Gateway(engine, case)
    yield gateway
    await gateway.close()
    await scripted.close_case(case)
    assert case.violations == [], "the gateway sent what RFC 9112 forbids"
    assert case.failures == [], "the case's own script failed"
    strays, scripted.strays[:] = list(scripted.strays), []
    assert strays == [], "the gateway sent what no case asked for"
