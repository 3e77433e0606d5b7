"""Moving routes by the admin API: who may, what is answered, and what is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.admin.app import create_console
from proxy.config.model import Stage as RouteStage
from proxy.config.source import load_file
from proxy.control.mover import FileMover
from proxy.control.overridden_file import OverriddenFile
from proxy.observability.log import Log
from proxy.rollout.ports import GateReading, Outcome, position
from tests.support.control import Stage, stage
from tests.support.moving import FILE, Gates

TOKEN = {"Authorization": "Bearer s3cret"}
Story = Callable[[Stage, httpx.AsyncClient, Path], Awaitable[None]]
Play = Callable[[Story], None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """A control plane with one worker, that serves a file with a cart at shadow and a stock at cutover."""

    def act(story: Story) -> None:
        async def told() -> None:
            path = tmp_path / "routes.yaml"
            path.write_text(FILE)
            async with stage(tmp_path) as scene:
                log = Log("control", scene.output)
                file = OverriddenFile(str(path), {}, private=None, log=log)

                async def load() -> Any:
                    return await asyncio.to_thread(file.load)

                scene.load = load  # type: ignore[method-assign]
                plane = scene.plane
                here = replace(plane.active.snapshot, state_dir=str(tmp_path / ".strangler"))
                plane.active = replace(plane.active, snapshot=here)
                plane.file, plane.mover = file, FileMover(plane, file, log)
                await scene.worker()
                assert (await plane.reload("start")).problems == ()
                transport = httpx.ASGITransport(create_console(plane, token="s3cret"))
                async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081") as client:
                    await story(scene, client, path)

        asyncio.run(told())

    return act


def unchanged(path: Path) -> bool:
    return path.read_text() == FILE


def break_file(path: Path) -> None:
    path.write_text("routes: [")


def stages(path: Path) -> dict[str, RouteStage]:
    return {route.name: route.stage for route in load_file(path, {}).routes}


def test_a_move_is_answered_when_every_worker_has_it(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient, path: Path) -> None:
        body = {"to": "cutover", "force": True, "because": "it is time", "who": "ann"}
        answer = await client.post("/api/v1/routes/cart/promote", headers=TOKEN, json=body)
        assert answer.status_code == 200
        assert answer.json()["moves"][0]["to"] == {"stage": "cutover"}
        assert scene.hub.peers()[0].revision == answer.json()["revision"]
        assert stages(path)["cart"] is RouteStage.CUTOVER
        history = (await client.get("/api/v1/history", headers=TOKEN)).json()
        assert [(each["who"], each["why"]) for each in history["entries"]] == [("operator (ann)", "it is time")]
        assert (await client.get("/api/v1/history?limit=0", headers=TOKEN)).status_code == 422

    play(story)


def test_groups_and_everything_move_too(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient, path: Path) -> None:
        answer = await client.post("/api/v1/groups/shop/promote", headers=TOKEN)
        assert [each["route"] for each in answer.json()["moves"]] == ["pages"]
        answer = await client.post("/api/v1/rollback", headers=TOKEN, json={"because": "incident"})
        assert [each["route"] for each in answer.json()["moves"]] == ["cart", "stock", "pages"]
        assert set(stages(path).values()) == {RouteStage.LEGACY}

    play(story)


def test_nobody_moves_anything_without_the_token(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient, path: Path) -> None:
        for door in ("routes/cart/promote", "groups/shop/rollback", "rollback"):
            assert (await client.post(f"/api/v1/{door}")).status_code == 401
            assert (await client.get(f"/api/v1/{door}", headers=TOKEN)).status_code == 405
        assert (await client.get("/api/v1/history")).status_code == 401
        assert unchanged(path)

    play(story)


def test_what_cannot_be_is_told_apart_from_what_may_not(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient, path: Path) -> None:
        async def said(door: str, **body: Any) -> tuple[int, str]:
            answer = await client.post(f"/api/v1/{door}", headers=TOKEN, json=body)
            assert answer.headers["content-type"] == "application/problem+json"
            return answer.status_code, answer.json()["type"]

        assert await said("routes/cart/cut") == (422, "urn:strangler:invalid")
        assert await said("routes/card/promote") == (422, "urn:strangler:invalid")
        assert await said("routes/cart/promote", weight=0.5) == (422, "urn:strangler:invalid")
        assert await said("routes/cart/promote", force=True) == (422, "urn:strangler:invalid")
        assert await said("routes/stock/promote") == (409, "urn:strangler:refused")
        assert await said("routes/cart/promote", revision="old") == (409, "urn:strangler:refused")
        assert unchanged(path)

    play(story)


def test_a_gate_that_is_not_met_is_answered_with_its_value_and_limit(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient, path: Path) -> None:
        scene.plane.gatekeeper = Gates({"cart": [GateReading("match_rate", Outcome.WAIT, ">= 99.9%", 0.99)]})
        answer = await client.post("/api/v1/routes/cart/promote", headers=TOKEN)
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (409, "urn:strangler:gate-not-met")
        assert problem["gates"]["cart"][0]["limit"] == ">= 99.9%"
        assert problem["problems"] == ["cart  match_rate  99%  must be >= 99.9%  wait"]
        body = {"force": True, "because": "known"}
        assert (await client.post("/api/v1/routes/cart/promote", headers=TOKEN, json=body)).status_code == 200

    play(story)


def test_what_holds_beside_the_file_is_shown_wherever_somebody_looks(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient, path: Path) -> None:
        break_file(path)
        answer = await client.post("/api/v1/routes/stock/rollback", headers=TOKEN, json={"because": "slow"})
        assert answer.json()["override"] is True
        shown = (await client.get("/readyz")).json()
        assert shown["ready"] is True
        (override,) = shown["overrides"]
        assert {key: override[key] for key in ("route", "stage", "because", "survives")} == {
            "route": "stock",
            "stage": "legacy",
            "because": "slow",
            "survives": "every restart",
        }
        status = (await client.get("/api/v1/status", headers=TOKEN)).json()
        assert status["overrides"] == [override]
        assert status["routes"][1] == {
            "route": "stock",
            "stage": "legacy",
            "group": "shop",
            "file": {"stage": "cutover"},
        }
        assert position(scene.plane.active.snapshot.routes[1]).stage is RouteStage.LEGACY

    play(story)


def test_a_process_that_moves_nothing_says_so(tmp_path: Path) -> None:
    async def told() -> None:
        async with stage(tmp_path) as scene:
            transport = httpx.ASGITransport(create_console(scene.plane, token="s3cret"))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081") as client:
                answer = await client.post("/api/v1/routes/cart/promote", headers=TOKEN)
                assert (answer.status_code, answer.json()["detail"]) == (409, "this process moves no routes")

    asyncio.run(told())
