"""Discovery and probes together, through one snapshot and the next."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from proxy.config.model import Discover, DiscoverKind, Endpoint, Upstream
from proxy.config.policy import HealthCheck
from proxy.forwarding.endpoint_watch import EndpointWatch
from proxy.forwarding.known_endpoints import Known
from tests.support.control import snapshot, until
from tests.support.processes import PATIENCE_S, free_port
from tests.support.told import Told

CHECK = HealthCheck("/health", every=timedelta(milliseconds=10), timeout=timedelta(seconds=30), fall=2)


class Scene:
    """A watch and what it published. `file` is where discovery looks."""

    def __init__(self, folder: Path, known: dict[str, Known] | None = None) -> None:
        self.file = folder / "endpoints.yaml"
        self.discover = Discover(DiscoverKind.FILE, path=str(self.file))
        self.told = Told()
        self.news = asyncio.Queue[dict[str, Known]]()
        self.watch = EndpointWatch(self.news.put_nowait, self.told, known)

    def write(self, *ports: int) -> tuple[Endpoint, ...]:
        endpoints = tuple(Endpoint("http", "127.0.0.1", port) for port in ports)
        self.file.write_text("".join(f"- {each.url}\n" for each in endpoints))
        return endpoints

    def follow(self, *upstreams: Upstream) -> None:
        self.watch.follow(snapshot("r", upstreams={each.name: each for each in upstreams}))

    async def next(self) -> dict[str, Known]:
        return await asyncio.wait_for(self.news.get(), PATIENCE_S)

    async def until(self, known: dict[str, Known]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self.news.get() != known:
                pass


Story = Callable[[Scene], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def act(story: Story, **more: Any) -> None:
        async def told() -> None:
            scene = Scene(tmp_path, **more)
            try:
                await story(scene)
            finally:
                scene.watch.stop()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.wait_for(asyncio.gather(*left, return_exceptions=True), 2)

        asyncio.run(told())

    return act


def test_endpoints_that_are_found_are_published_and_so_is_their_change(play: Play) -> None:
    async def story(scene: Scene) -> None:
        first = scene.write(8101)
        scene.follow(Upstream("orders", (), discover=scene.discover))
        assert await scene.next() == {}
        assert (await scene.next())["orders"].endpoints == first
        second = scene.write(8101, 8102)
        assert (await scene.next())["orders"].endpoints == second

    play(story)


def test_an_upstream_that_is_neither_discovered_nor_probed_is_left_alone(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.follow(Upstream("orders", (Endpoint("http", "127.0.0.1", 8101),)))
        assert await scene.next() == {}
        assert scene.watch.describe() == {}

    play(story)


def test_endpoints_known_from_before_hold_at_once_where_they_were_found_in_the_same_place(
    play: Play, tmp_path: Path
) -> None:
    endpoint = Endpoint("http", "127.0.0.1", 8101)
    known = {
        "orders": Known((endpoint,), source=f"file://{tmp_path}/endpoints.yaml"),
        "payments": Known((endpoint,), source="dns://elsewhere:8101"),
    }

    async def story(scene: Scene) -> None:
        one, other = (Upstream(name, (), discover=scene.discover) for name in ("orders", "payments"))
        scene.follow(one, other)
        assert await scene.next() == {"orders": known["orders"]}

    play(story, known=known)


def test_probes_turn_a_verdict_and_it_is_published(play: Play) -> None:
    async def story(scene: Scene) -> None:
        gone = Endpoint("http", "127.0.0.1", free_port())
        scene.follow(Upstream("orders", (gone,), health=CHECK))
        assert await scene.next() == {"orders": Known((gone,))}
        assert await scene.next() == {"orders": Known((gone,), frozenset({gone.url}))}
        assert ("strangler_endpoints_unhealthy", {"upstream": "orders"}, 1) in scene.watch.rows()

    play(story)


def test_endpoints_that_were_discovered_are_probed_and_forgotten_with_their_verdict(play: Play) -> None:
    async def story(scene: Scene) -> None:
        (gone,) = scene.write(free_port())
        upstream = Upstream("orders", (), health=CHECK, discover=scene.discover)
        source = str(scene.discover)
        scene.follow(upstream)
        await scene.until({"orders": Known((gone,), frozenset({gone.url}), source)})
        (other,) = scene.write(free_port())
        await scene.until({"orders": Known((other,), frozenset(), source)})

    play(story)


def test_another_snapshot_keeps_what_is_known_and_asks_no_more_for_what_is_gone(play: Play) -> None:
    async def story(scene: Scene) -> None:
        gone = Endpoint("http", "127.0.0.1", free_port())
        probed = Upstream("orders", (gone,), health=CHECK)
        scene.write(8101)
        found = Upstream("payments", (), discover=scene.discover)
        scene.follow(probed, found)
        bad = Known((gone,), frozenset({gone.url}))
        async with asyncio.timeout(PATIENCE_S):
            while (await scene.next()).get("orders") != bad or "payments" not in scene.watch.known():
                pass
        looked_up = scene.told.events("endpoints_changed")
        scene.follow(replace(probed, health=replace(CHECK, every=timedelta(hours=1))), found)
        assert scene.watch.known()["orders"] == bad
        assert scene.watch.known()["payments"].endpoints == (Endpoint("http", "127.0.0.1", 8101),)
        assert scene.told.events("endpoints_changed") == looked_up
        scene.follow(replace(probed, health=None))
        assert scene.watch.known() == {}

    play(story)


def test_endpoints_found_in_one_place_hold_until_another_place_has_answered(play: Play, tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        first = scene.write(8101)
        upstream = Upstream("orders", (), discover=scene.discover)
        scene.follow(upstream)
        while not scene.watch.known():
            await scene.next()
        elsewhere = tmp_path / "elsewhere.yaml"
        scene.follow(replace(upstream, discover=Discover(DiscoverKind.FILE, path=str(elsewhere))))
        assert scene.watch.known()["orders"].endpoints == first
        elsewhere.write_text("- http://127.0.0.1:8102")
        async with asyncio.timeout(PATIENCE_S):
            while (await scene.next())["orders"].endpoints == first:
                pass

    play(story)


def test_what_is_known_and_counted_is_shown(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.follow(Upstream("orders", (), discover=scene.discover, health=CHECK))
        await until(lambda: bool(scene.told.events("discovery_failed")))
        assert scene.watch.describe()["orders"] == {
            "source": str(scene.discover),
            "endpoints": [],
            "discovery": {"error": "no such file or directory", "last_answer_seconds": None},
            "health": {},
        }
        assert {(name, labels.get("outcome")): value for name, labels, value in scene.watch.rows()} == {
            ("strangler_endpoints", None): 0,
            ("strangler_discovery_successful", None): 0,
            ("strangler_discovery_lookups_total", "failure"): 1,
            ("strangler_endpoints_unhealthy", None): 0,
        }

    play(story)
