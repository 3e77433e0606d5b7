"""The pytest plugin: options, fixtures, and tests from a capture. Loaded wherever the proxy is installed.

So it imports nothing but pytest before a test asks for one of its fixtures, and does nothing until then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.testing.both import Both
    from proxy.testing.side import SideClient
    from proxy.testing.sides import Sides, Systems

Result = TypeVar("Result")

_SETTINGS: Final = {
    "legacy": ("URL", "base URL of the monolith"),
    "service": ("URL", "base URL of the service, or of a proxy in front of several"),
    "config": ("FILE", "routes.yaml, for sides that are not given and for the rules of routes"),
    "capture": ("FILE", "a recording, for tests with recorded_exchange"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("strangler", "side-by-side tests (strangler)")
    for name, (kind, told) in _SETTINGS.items():
        group.addoption(f"--strangler-{name}", metavar=kind, default=None, help=f"{told} (ini: strangler_{name})")
        parser.addini(f"strangler_{name}", told, default=None)
    allows = "send recorded writes to both sides"
    group.addoption("--strangler-allow-writes", action="store_true", default=None, help=allows)
    parser.addini("strangler_allow_writes", allows, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "strangler(route): the route of routes.yaml that a side-by-side test is about")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "recorded_exchange" not in metafunc.fixturenames:
        return
    capture = _file(metafunc.config, "capture")
    if capture is None:
        skipped = pytest.mark.skip(reason="no recording: --strangler-capture FILE names one")
        metafunc.parametrize("recorded_exchange", [pytest.param(None, marks=skipped)], indirect=True, ids=["none"])
        return
    from proxy.testing.recorded import NoRecording, routes_of

    try:
        routes = routes_of(capture)
    except NoRecording as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    about = _route(metafunc.definition)
    chosen = [route for route in routes if about in (None, route)]
    names = [route or "no route" for route in chosen]
    metafunc.parametrize("recorded_exchange", chosen, indirect=True, ids=names)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test with a recording is called once for each exchange."""
    if "recorded_exchange" not in pyfuncitem.funcargs:
        return None
    import inspect

    recording: Any = pyfuncitem.funcargs["recorded_exchange"]
    taken = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: value for name, value in pyfuncitem.funcargs.items() if name in taken}
    recording.run(pyfuncitem.obj, arguments)
    return True


@pytest.fixture(scope="session")
def strangler_sides(pytestconfig: pytest.Config) -> Sides:
    """Who the sides are. Override it where they are started by fixtures."""
    from proxy.testing.sides import Sides

    return Sides(_setting(pytestconfig, "legacy"), _setting(pytestconfig, "service"), _config_file(pytestconfig))


@pytest.fixture
def strangler_reset() -> None:
    """Override it to bring both sides' data into one state; it is used before every test that asks a side."""


@pytest.fixture(scope="session")
def strangler_systems(strangler_sides: Sides) -> Iterator[Systems]:
    """Both sides with their connections, which all tests share."""
    from proxy.testing.sides import Systems

    systems = _or_fail(lambda: Systems(strangler_sides))
    yield systems
    systems.close()


@pytest.fixture
def legacy(strangler_systems: Systems, strangler_reset: object, request: pytest.FixtureRequest) -> SideClient:
    """The monolith as an httpx client, with no cookies yet."""
    return _or_fail(lambda: strangler_systems.client("legacy", _route(request.node)))


@pytest.fixture
def service(strangler_systems: Systems, strangler_reset: object, request: pytest.FixtureRequest) -> SideClient:
    """The service as an httpx client, with no cookies yet."""
    return _or_fail(lambda: strangler_systems.client("service", _route(request.node)))


@pytest.fixture
def both(legacy: SideClient, service: SideClient, strangler_systems: Systems, request: pytest.FixtureRequest) -> Both:
    """Both sides as one client: every request goes to each of them."""
    from proxy.testing.both import Both

    route = _route(request.node)
    return Both(
        legacy,
        service,
        strangler_systems.placeholders,
        lambda asked: strangler_systems.rules(asked, route),
        lambda name, text: request.node.user_properties.append((name, text)),  # record_property warns of xunit2
    )


@pytest.fixture
def recorded_exchange(request: pytest.FixtureRequest) -> Any:
    """An exchange of the capture. The test is called once for each exchange of its route, as subtests."""
    from proxy.testing.recorded import Recording

    capture = _file(request.config, "capture")
    assert capture is not None, "a test without a capture is skipped before its fixtures"
    allowed = request.config.getoption("--strangler-allow-writes") or request.config.getini("strangler_allow_writes")
    return Recording(capture, request.param, request.getfixturevalue("subtests"), bool(allowed))


def _setting(config: pytest.Config, name: str) -> str | None:
    chosen: str | None = config.getoption(f"--strangler-{name}") or config.getini(f"strangler_{name}") or None
    return chosen


def _file(config: pytest.Config, name: str) -> Path | None:
    """A file of the command line is sought from where it was typed, one of the ini file from beside that."""
    if given := config.getoption(f"--strangler-{name}"):
        return config.invocation_params.dir / str(given)
    if said := config.getini(f"strangler_{name}"):
        return (config.inipath.parent if config.inipath else config.rootpath) / str(said)
    return None


def _config_file(config: pytest.Config) -> Path | None:
    """As for the commands: what is named, else $STRANGLER_CONFIG, else a routes.yaml that is there."""
    if (named := _file(config, "config")) is not None:
        return named
    if said := os.environ.get("STRANGLER_CONFIG"):
        return config.invocation_params.dir / said
    usual = config.rootpath / "routes.yaml"
    return usual if usual.is_file() else None


def _route(node: pytest.Item | pytest.Collector) -> str | None:
    marker = node.get_closest_marker("strangler")
    if marker is None:
        return None
    if marker.args or set(marker.kwargs) != {"route"}:
        pytest.fail('the marker is written @pytest.mark.strangler(route="name")', pytrace=False)
    route: str = marker.kwargs["route"]
    return route


def _or_fail(make: Callable[[], Result]) -> Result:
    from proxy.testing.sides import BadSides

    try:
        return make()
    except BadSides as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
