"""Where open files are few: fewer clients, each of them served, and nobody else blamed (getrlimit(2))."""

import resource
from contextlib import contextmanager
from dataclasses import replace
from errno import ECONNREFUSED, EMFILE, ENFILE

import pytest

from proxy.config.model import Listen
from proxy.forwarding.files import REFUSED_AT_ONCE, SPARE_FILES, files_are_used_up, most_clients
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, read


@contextmanager
def files(allowed):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(("allowed", "clients"), [(256, 96), (1024, 480), (SPARE_FILES, 1), (SPARE_FILES + 4, 2)])
def test_each_client_has_a_file_and_its_upstream_another(allowed, clients):
    with files(allowed):
        assert most_clients() == clients


def test_only_a_want_of_files_is_one():
    assert files_are_used_up(OSError(EMFILE, "Too many open files"))
    assert files_are_used_up(OSError(ENFILE, "Too many open files in system"))
    assert not files_are_used_up(OSError(ECONNREFUSED, "no"))
    assert not files_are_used_up(ValueError("no"))


def test_no_more_clients_are_taken_than_there_are_files_for_whatever_the_file_says():
    with files(SPARE_FILES + 4), World(snapshot()) as world:
        clients = [world.client() for _ in range(3)]
        assert [bool(client.received) for client in clients] == [False, False, True]
        assert read(clients[2].received).outcome == "connection_limit"


def test_a_lower_limit_of_the_file_holds():
    limits = replace(Listen().limits, connections=1)
    with files(SPARE_FILES + 4), World(snapshot(listen=Listen(limits=limits))) as world:
        assert [bool(world.client().received) for _ in range(2)] == [False, True]


def test_refused_clients_that_take_their_time_are_few():
    limits = replace(Listen().limits, connections=1)
    with World(snapshot(listen=Listen(limits=limits))) as world:
        world.client()
        refused = [world.client() for _ in range(REFUSED_AT_ONCE + 2)]
        assert {read(one.received).outcome for one in refused} == {"connection_limit"}
        assert [one.closed for one in refused] == [False] * REFUSED_AT_ONCE + [True] * 2


def test_idle_connections_make_room_for_one_that_is_needed():
    with World(snapshot(route("svc", "/svc/**"))) as world:
        first = world.client()
        first.sends(get())
        world.upstreams[0].sends(answer())
        refuse, asked = OSError(EMFILE, "Too many open files"), world.network.asked
        world.network.refusal = refuse
        second = world.client()
        second.sends(get("/svc/x"))
        assert world.upstreams[0].closed, "an idle connection to another upstream was kept"
        assert len(asked) == 3, "it was not tried again"
        world.network.refusal = None
        second.sends(get("/svc/x"))
        world.upstreams[1].sends(answer(body=b"well"))
        assert second.received.endswith(b"well")


def test_where_none_is_left_nobody_is_blamed_and_the_client_may_come_again():
    with World(snapshot()) as world:
        world.network.refusal = OSError(EMFILE, "Too many open files")
        client = world.client()
        client.sends(get())
        got = read(client.received)
        assert (got.status, got.outcome, got.value("retry-after")) == (503, "overloaded", "1")
        (upstream,) = (one for one in world.forwarder.export()["upstreams"] if one["name"] == "monolith")
        assert upstream["endpoints"][0]["failures_total"] == 0
        assert upstream["endpoints"][0]["in_flight"] == 0
        assert world.counted("strangler_upstream_failures_total") == 0
