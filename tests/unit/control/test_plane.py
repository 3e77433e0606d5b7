"""How the next snapshot takes the place of the one that serves, told as stories with scripted workers."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.config.codec import load_snapshot
from proxy.config.errors import Problem
from proxy.config.model import Address, Discover, DiscoverKind, Listen, ListenTls, Snapshot, Upstream
from proxy.config.place import Place
from proxy.control import plane as plane_module
from proxy.control.overridden_file import OverriddenFile
from proxy.control.plane import needs_restart
from proxy.observability.log import Log
from tests.support.control import Stage, snapshot, stage, until
from tests.support.moving import FILE

Story = Callable[[Stage], Awaitable[None]]
Play = Callable[[Story], None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def act(story: Story) -> None:
        async def told() -> None:
            async with stage(tmp_path) as scene:
                await story(scene)

        asyncio.run(told())

    return act


def test_a_new_file_serves_once_every_worker_has_taken_it(play: Play) -> None:
    async def story(scene: Stage) -> None:
        workers = [await scene.worker(0, generation=1), await scene.worker(1, generation=2)]
        scene.file = snapshot("r2")
        result = await scene.plane.reload("api")
        assert (result.revision, result.changed, result.problems, result.late) == ("r2", True, (), ())
        assert [worker.revision for worker in workers] == ["r2", "r2"]
        assert load_snapshot(scene.plane.launch.snapshot_file.read_bytes()).revision == "r2"

    play(story)


def test_a_file_with_problems_changes_nothing_but_what_is_said(play: Play) -> None:
    async def story(scene: Stage) -> None:
        worker = await scene.worker()
        scene.file = [Problem(Place("routes.yaml", 44, 12), "unknown key"), Problem(None, "more")]
        result = await scene.plane.reload("watch")
        assert (result.revision, result.changed) == ("r1", False)
        assert worker.seen == []
        assert scene.plane.ready
        assert scene.plane.config_error == "routes.yaml:44:12: unknown key (and 1 more)"
        assert json.loads(scene.output.getvalue())["event"] == "reload_refused"

    play(story)


def test_the_next_good_file_is_taken_and_the_error_is_gone(play: Play) -> None:
    async def story(scene: Stage) -> None:
        worker = await scene.worker()
        scene.file = [Problem(None, "broken")]
        await scene.plane.reload("watch")
        scene.file = snapshot("r2")
        await scene.plane.reload("watch")
        assert scene.plane.config_error is None
        assert worker.revision == "r2"

    play(story)


def test_the_old_file_put_back_clears_the_error_without_a_swap(play: Play) -> None:
    async def story(scene: Stage) -> None:
        worker = await scene.worker()
        scene.file = [Problem(None, "broken")]
        await scene.plane.reload("watch")
        scene.file = snapshot("r1")
        result = await scene.plane.reload("watch")
        assert (result.changed, scene.plane.config_error) == (False, None)
        assert worker.seen == ["certificates"]

    play(story)


def test_if_one_worker_refuses_those_that_took_it_go_back(play: Play) -> None:
    async def story(scene: Stage) -> None:
        willing = await scene.worker(0, generation=1)
        unwilling = await scene.worker(1, generation=2, refuses=frozenset({"r2"}))
        scene.file = snapshot("r2")
        result = await scene.plane.reload("api")
        assert [str(problem) for problem in result.problems] == ["worker 1 refuses r2"]
        assert willing.seen == ["r2", "r1"]
        assert (willing.revision, unwilling.revision) == ("r1", "r1")
        assert scene.plane.active.snapshot.revision == "r1"
        assert load_snapshot(scene.plane.launch.snapshot_file.read_bytes()).revision == "r1"

    play(story)


def test_a_worker_that_does_not_answer_in_time_is_named_not_waited_for(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane_module, "ACK_SECONDS", 1.0)

    async def story(scene: Stage) -> None:
        await scene.worker(0, generation=1)
        await scene.worker(1, generation=2, mute=True)
        scene.file = snapshot("r2")
        result = await scene.plane.reload("api")
        assert (result.revision, result.late) == ("r2", (1,))

    play(story)


def test_something_else_than_the_file_can_serve_and_what_is_wrong_with_the_file_stays_told(play: Play) -> None:
    async def story(scene: Stage) -> None:
        workers = [await scene.worker(0, generation=1), await scene.worker(1, generation=2)]
        scene.file = [Problem(None, "broken")]
        await scene.plane.reload("watch")
        result = await scene.plane.swap(lambda serving: replace(serving, revision=f"{serving.revision}+1"), "move")
        assert (result.revision, result.changed, result.problems) == ("r1+1", True, ())
        assert [worker.revision for worker in workers] == ["r1+1", "r1+1"]
        assert scene.plane.config_error == "broken"
        assert load_snapshot(scene.plane.launch.snapshot_file.read_bytes()).revision == "r1+1"

    play(story)


def test_if_a_worker_refuses_it_nothing_else_serves(play: Play) -> None:
    async def story(scene: Stage) -> None:
        willing = await scene.worker(0, generation=1)
        await scene.worker(1, generation=2, refuses=frozenset({"r9"}))
        result = await scene.plane.swap(lambda serving: replace(serving, revision="r9"), "move")
        assert [str(problem) for problem in result.problems] == ["worker 1 refuses r9"]
        assert (scene.plane.active.snapshot.revision, willing.revision) == ("r1", "r1")

    play(story)


def test_the_file_is_told_when_what_it_gave_serves_and_not_before(play: Play, tmp_path: Path) -> None:
    async def story(scene: Stage) -> None:
        (tmp_path / "routes.yaml").write_text(FILE)
        worker = await scene.worker()
        file = OverriddenFile(str(tmp_path / "routes.yaml"), {}, private=None, log=Log("control", scene.output))
        scene.plane.file = file

        async def load() -> Snapshot:
            return replace(file.load(), state_dir=".strangler")

        scene.load = load  # type: ignore[method-assign]
        worker.refuses = frozenset({file.load().revision})
        await scene.plane.reload("watch")
        assert file.current is None
        worker.refuses = frozenset()
        await scene.plane.reload("watch")
        assert file.current is not None
        assert scene.plane.active.snapshot.revision == file.current.snapshot.revision

    play(story)


def test_a_worker_that_dies_during_a_reload_does_not_hold_it_up(play: Play) -> None:
    async def story(scene: Stage) -> None:
        dying = await scene.worker(0, generation=1, mute=True)
        scene.file = snapshot("r2")
        reloading = asyncio.create_task(scene.plane.reload("api"))
        await until(lambda: dying.seen == ["r2"])
        dying.link.abort()
        result = await reloading
        assert (result.revision, result.late) == ("r2", ())

    play(story)


def test_a_worker_that_comes_with_another_snapshot_is_sent_the_one_that_serves(play: Play) -> None:
    async def story(scene: Stage) -> None:
        worker = await scene.worker(revision="r0")
        await until(lambda: worker.revision == "r1")

    play(story)


def test_a_worker_that_came_during_a_reload_gets_what_it_decided(play: Play) -> None:
    async def story(scene: Stage) -> None:
        slow = await scene.worker(0, generation=1, mute=True)
        scene.file = snapshot("r2")
        reloading = asyncio.create_task(scene.plane.reload("api"))
        await until(lambda: slow.seen == ["r2"])
        late_comer = await scene.worker(1, generation=2)
        slow.link.abort()
        await reloading
        await until(lambda: late_comer.revision == "r2")

    play(story)


def test_reloads_happen_one_after_the_other(play: Play) -> None:
    async def story(scene: Stage) -> None:
        worker = await scene.worker()
        scene.file = snapshot("r2")
        await asyncio.gather(scene.plane.reload("api"), scene.plane.reload("signal"))
        assert [each for each in worker.seen if each != "certificates"] == ["r2"]

    play(story)


def test_certificates_that_cannot_be_read_are_shown_and_repaired_by_the_next_reload(play: Play) -> None:
    async def story(scene: Stage) -> None:
        workers = [await scene.worker(n, generation=n + 1, certificate_problem="/x.pem: gone") for n in range(2)]
        result = await scene.plane.reload("signal")
        assert [str(problem) for problem in result.problems] == ["/x.pem: gone"]  # once, not once a worker
        for worker in workers:
            worker.certificate_problem = None
        assert (await scene.plane.reload("signal")).problems == ()

    play(story)


@pytest.mark.parametrize(
    ("listen", "name"),
    [
        (Listen(public=Address("127.0.0.1", 9)), "listen.public"),
        (Listen(console=Address("127.0.0.1", 9)), "listen.console"),
        (Listen(tls=ListenTls("/c", "/k")), "listen.tls"),
    ],
)
def test_what_is_bound_at_the_start_cannot_be_changed(play: Play, listen: Listen, name: str) -> None:
    async def story(scene: Stage) -> None:
        worker = await scene.worker()
        scene.file = snapshot("r2", listen=listen)
        (problem,) = (await scene.plane.reload("watch")).problems
        assert problem.message.startswith(f"{name} changed from ")
        assert "needs a restart" in problem.message
        assert worker.seen == []

    play(story)


def test_every_setting_that_needs_a_restart_is_named_at_once() -> None:
    listen = Listen(public=Address("127.0.0.1", 9), console=Address("127.0.0.1", 10))
    assert len(needs_restart(snapshot("r1"), snapshot("r2", listen=listen, state_dir="/elsewhere"))) == 3
    assert needs_restart(snapshot("r1"), snapshot("r2", listen=Listen(allow_encoded_slash=True))) == []


def test_a_server_nobody_serves_for_is_not_ready(play: Play) -> None:
    async def story(scene: Stage) -> None:
        assert not scene.plane.ready
        worker = await scene.worker()
        assert scene.plane.ready
        await worker.link.close()
        await until(lambda: not scene.hub.peers())
        assert not scene.plane.ready

    play(story)


def test_a_mistake_of_our_own_on_a_file_is_an_error_not_an_end(play: Play) -> None:
    async def story(scene: Stage) -> None:
        scene.mistake = RuntimeError("bug")
        (problem,) = (await scene.plane.reload("watch")).problems
        assert "could not be used" in str(problem)
        assert "load_failed" in scene.output.getvalue()

    play(story)


def test_a_reload_changes_what_is_discovered_and_workers_hear_of_it_behind_their_snapshot(
    play: Play, tmp_path: Path
) -> None:
    listed = tmp_path / "endpoints.yaml"
    listed.write_text("- http://127.0.0.1:8101")
    orders = Upstream("orders", (), discover=Discover(DiscoverKind.FILE, path=str(listed)))

    async def story(scene: Stage) -> None:
        worker = await scene.worker()
        watching = asyncio.create_task(scene.plane.watch_endpoints())
        await until(lambda: worker.endpoints == [{}])
        scene.file = snapshot("r2", upstreams={**snapshot("r2").upstreams, "orders": orders})
        await scene.plane.reload("api")
        assert worker.seen[0] == "r2"
        await until(lambda: "orders" in worker.endpoints[-1])
        assert worker.endpoints[-1]["orders"]["endpoints"] == ["http://127.0.0.1:8101"]
        scene.file = snapshot("r3")
        await scene.plane.reload("api")
        await until(lambda: worker.endpoints[-1] == {})
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        assert scene.plane.endpoints.describe() == {}

    play(story)
