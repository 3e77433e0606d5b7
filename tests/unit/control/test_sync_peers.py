"""What upstreams are asked about ownership, on real sockets of this machine, and what becomes of bad answers."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from proxy.config.addresses import endpoint
from proxy.config.model import Snapshot
from proxy.config.moving import Sync
from proxy.control.sync_peers import STALE_EPOCH, PeerFailure, Peers
from proxy.forwarding.known_endpoints import Known
from tests.support.control import snapshot
from tests.support.owning_upstream import TOKEN, Rows, both_sides
from tests.support.processes import PATIENCE_S
from tests.support.server import NamedUpstream


@pytest.fixture
def sides() -> Iterator[tuple[Rows, str]]:
    with both_sides() as (rows, urls):
        yield rows, urls["legacy"]


def peers(*urls: str, token: str = TOKEN, known: dict[str, Known] | None = None) -> Peers:
    made: Snapshot = snapshot("r1")
    endpoints = tuple(endpoint(url) for url in urls)
    upstream = replace(made.upstreams["monolith"], endpoints=endpoints, sync=Sync("/internal/sync", token))
    return Peers(lambda: replace(made, upstreams={"monolith": upstream}), lambda: known or {})


def ask(one: Peers, verb: str, *arguments: Any, seconds: float = PATIENCE_S) -> Any:
    return asyncio.run(getattr(one, verb)("monolith", *arguments, seconds=seconds))


def dead_url() -> str:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{holder.getsockname()[1]}"


def test_who_owns_is_asked_and_moved(sides: tuple[Rows, str]) -> None:
    rows, url = sides
    one = peers(url)
    assert ask(one, "status")["order"].owner == "legacy"
    rows.write("legacy", "one")
    assert ask(one, "fence", ["order"], 2) == {"order": 1}
    assert ask(one, "own", ["order"], 3, {"order": 0}) == {"order": 1}
    assert rows.epoch["legacy"] == 3


def test_a_call_that_comes_too_late_is_known_by_its_kind(sides: tuple[Rows, str]) -> None:
    one = peers(sides[1])
    ask(one, "fence", ["order"], 5)
    with pytest.raises(PeerFailure, match='upstream "monolith" says 409: somebody was faster') as caught:
        ask(one, "own", ["order"], 4, {})
    assert (caught.value.kind, caught.value.passing) == (STALE_EPOCH, False)


def test_another_endpoint_is_asked_when_one_is_away_and_the_healthy_one_first(sides: tuple[Rows, str]) -> None:
    away = dead_url()
    assert ask(peers(away, sides[1]), "status")["order"].epoch == 1
    known = Known((endpoint(away), endpoint(sides[1])), frozenset({away}))
    assert ask(peers(known={"monolith": known}), "status")["order"].epoch == 1


def test_who_is_away_may_be_asked_again_and_no_token_is_told() -> None:
    with pytest.raises(PeerFailure, match=r"connect|refused") as caught:
        ask(peers(dead_url()), "status")
    assert caught.value.passing
    assert TOKEN not in str(caught.value)


def test_who_does_not_answer_in_time_may_be_asked_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(PeerFailure, match=r"no answer within 0\.05 s") as caught:
            ask(peers(url), "status", seconds=0.05)
    assert caught.value.passing


def test_somebody_else_there_is_not_taken_for_a_side() -> None:
    with NamedUpstream.running("<html>") as other, pytest.raises(PeerFailure, match="says 200: no JSON of ours"):
        ask(peers(other.url), "status")


def test_no_sync_and_no_endpoint_are_said() -> None:
    without = Peers(lambda: snapshot("r1"), dict)
    assert without.with_sync() == []
    with pytest.raises(PeerFailure, match="has no sync"):
        ask(without, "status")
    with pytest.raises(PeerFailure, match="has no endpoint"):
        ask(peers(), "status")
    assert peers().with_sync() == ["monolith"]
