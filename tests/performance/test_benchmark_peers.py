"""Configurations that the benchmark writes: the peers' are as asked, ours is a valid routes.yaml."""

from pathlib import Path

import pytest

from benchmarks.__main__ import main, names, present
from benchmarks.peer import Peer, Setup
from benchmarks.peers import DIRECT, PEERS
from benchmarks.peers.strangler import write_configuration
from benchmarks.processes import BenchmarkError
from benchmarks.scenarios import GET_1K, GET_100K, POST_10K, SCENARIOS, Contender
from proxy.config import load_file
from proxy.config.model import Stage

UPSTREAM = "127.0.0.1:18000"


@pytest.mark.parametrize("count", [1, 2, 200, 1000])
def test_our_configuration_is_valid_and_has_as_many_routes_as_asked(tmp_path: Path, count: int) -> None:
    path = write_configuration(Setup(18080, UPSTREAM, tmp_path, routes=count))

    snapshot = load_file(str(path), {})

    assert len(snapshot.routes) == count
    assert all(route.stage is Stage.CUTOVER for route in snapshot.routes)
    assert snapshot.listen.public.port == 18080


def test_what_is_measured_takes_routes_to_services_and_not_the_default(tmp_path: Path) -> None:
    snapshot = load_file(str(write_configuration(Setup(18080, UPSTREAM, tmp_path))), {})

    patterns = [match.path.text for route in snapshot.routes[:2] for match in route.matches if match.path]

    assert patterns == ["/api/products/**", POST_10K]
    assert GET_1K.startswith("/api/products/")
    assert GET_100K.startswith("/api/products/")


@pytest.mark.parametrize("peer", [PEERS[name] for name in ("nginx", "haproxy", "envoy")], ids=lambda peer: peer.name)
def test_an_installed_peer_listens_where_told_forwards_there_and_logs_only_when_asked(
    peer: Peer, tmp_path: Path
) -> None:
    if reason := peer.missing():
        pytest.skip(reason)
    written = {}
    for name, access_log in (("quiet", False), ("logging", True)):
        folder = tmp_path / name
        folder.mkdir()
        peer.launch(Setup(18080, UPSTREAM, folder, access_log=access_log))
        [configuration] = folder.iterdir()
        written[name] = configuration.read_text().replace(str(folder), "FOLDER")

    assert "18080" in written["quiet"]
    assert "18000" in written["quiet"]
    assert "@" not in written["quiet"].replace("@type", "")
    assert written["quiet"] != written["logging"]


def test_every_scenario_but_that_of_routes_is_played_by_every_peer() -> None:
    everyone = [DIRECT, *PEERS]

    for scenario in SCENARIOS.values():
        labels = [contender.label for contender in scenario.field(everyone)]
        assert labels == (everyone if not scenario.contenders else [c.label for c in scenario.contenders])
        assert scenario.baseline in labels


def test_the_field_sets_every_peer_up_as_the_scenario_says() -> None:
    assert SCENARIOS["get1k_c64_log"].field(["nginx"]) == [Contender("nginx", "nginx", access_log=True)]
    assert SCENARIOS["routes"].field(["nginx"]) == []


def test_names_are_taken_in_the_order_given_and_an_unknown_one_is_refused_with_the_known_ones() -> None:
    assert names("b, a", ["a", "b", "c"], "peer") == ["b", "a"]
    assert names(None, ["a", "b"], "peer") == ["a", "b"]
    with pytest.raises(BenchmarkError, match="unknown peer d: known are a, b"):
        names("a,d", ["a", "b"], "peer")


def test_a_missing_peer_is_left_out_with_its_reason() -> None:
    reasons = {name: PEERS[name].missing() for name in PEERS}

    there, skipped = present([DIRECT, *PEERS])

    assert there == [DIRECT, *(name for name, reason in reasons.items() if reason is None)]
    assert skipped == [reason for reason in reasons.values() if reason is not None]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "ngnix"], "unknown peer ngnix: known are direct, nginx"),
        (["--scenario", "fast"], "unknown scenario fast: known are get1k_c64"),
        (["--rounds", "0"], "--rounds and --seconds are at least 1"),
        (["report", "no-such-file.json"], "no-such-file.json"),
    ],
)
def test_what_cannot_be_measured_ends_with_status_2_and_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2

    captured = capsys.readouterr()
    assert captured.err.startswith("benchmark: ")
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
