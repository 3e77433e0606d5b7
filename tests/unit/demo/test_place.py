"""Where a demo lives: ports that are free, a folder that is its own, a routes.yaml that says where it is."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from proxy.config import load_file
from proxy.config.model import Route, Snapshot, Stage
from proxy.config.moving import Moving, Sync
from proxy.demo.errors import CannotStart
from proxy.demo.place import FOLDER, Place, Ports, choose_ports, kept_folder, write_routes
from tests.support.processes import ROOT


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def test_different_free_ports_are_chosen() -> None:
    ports = astuple(choose_ports(documented=False))
    assert len(set(ports)) == len(ports) == 8


def test_a_port_that_was_asked_for_and_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotStart, match="cannot be used"):
        choose_ports(taken.getsockname()[1])


def test_a_port_that_was_asked_for_is_used() -> None:
    free = choose_ports(documented=False).public
    assert choose_ports(free).public == free


def test_the_folder_is_emptied_and_kept(tmp_path: Path) -> None:
    with working_in(tmp_path):
        with kept_folder() as folder:
            (folder / "old.log").write_text("old")
            (folder / "deep").mkdir()
        assert (folder / "old.log").exists()
        with kept_folder() as again:
            assert again == tmp_path / FOLDER
            assert [entry.name for entry in again.iterdir()] == [".strangler-demo"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "thesis.txt").write_text("mine")
    with working_in(tmp_path), pytest.raises(CannotStart, match="not the demo's"), kept_folder():
        pass
    assert (tmp_path / FOLDER / "thesis.txt").read_text() == "mine"


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with working_in(tmp_path), kept_folder(), pytest.raises(CannotStart, match="another demo"), kept_folder():
        pass


def test_the_routes_name_the_ports_of_this_run(tmp_path: Path) -> None:
    place = Place(tmp_path, Ports(18080, 18081, 18000, 8102, 8103, 8101))  # as a run might draw them
    place.token_file.write_text("token")
    write_routes(place)
    snapshot = load_file(place.routes_file, {})
    assert (snapshot.listen.public.port, snapshot.listen.console.port) == (18080, 18081)
    urls = {name: upstream.endpoints[0].url for name, upstream in snapshot.upstreams.items()}
    ports = {"monolith": 18000, "orders": 8102, "payments": 8103, "inventory": 8101}
    assert urls == {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    assert {route.stage for route in snapshot.routes if route.to} == {Stage.LEGACY}


def test_the_routes_and_upstreams_are_those_of_the_documented_file(tmp_path: Path) -> None:
    place = Place(tmp_path, Ports())
    place.token_file.write_text("token")
    write_routes(place)
    assert _said(load_file(place.routes_file, {})) == _said(load_file(ROOT / "routes.yaml", {}))


def _said(snapshot: Snapshot) -> list[object]:
    """Routes and upstreams, without their places in the file, their token, and how patient a rollout is."""
    upstreams = [
        replace(each, place=None, sync=each.sync and Sync(each.sync.path, "")) for each in snapshot.upstreams.values()
    ]
    return [*upstreams, *map(_route, snapshot.routes)]


def _route(route: Route) -> Route:
    matches = tuple(replace(match, place=None) for match in route.matches)
    return replace(route, place=None, matches=matches, moving=Moving(writes=route.moving.writes))
