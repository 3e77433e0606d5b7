"""The console as a client sees it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from proxy.admin.app import create_console
from proxy.config.compare import Shadow
from proxy.config.errors import Problem
from proxy.config.model import HeaderEdits, PathKind, PathPattern, Route, RouteMatch
from proxy.config.model import Stage as RouteStage
from proxy.config.place import Place
from proxy.control.plane import Family
from tests.support.control import Stage, snapshot, stage, until

TOKEN = {"Authorization": "Bearer s3cret"}
Story = Callable[[Stage, httpx.AsyncClient], Awaitable[None]]
Play = Callable[[Story], None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def act(story: Story) -> None:
        async def told() -> None:
            async with stage(tmp_path) as scene:
                transport = httpx.ASGITransport(create_console(scene.plane, token="s3cret"))
                async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081") as client:
                    await story(scene, client)

        asyncio.run(told())

    return act


def test_readiness_is_exactly_what_the_contract_says(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient) -> None:
        await scene.worker()
        answer = await client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json() == {"ready": True, "revision": "r1", "config_error": None, "overrides": []}

    play(story)


def test_a_refused_file_is_shown_while_the_server_stays_ready(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient) -> None:
        await scene.worker()
        scene.file = [Problem(Place("routes.yaml", 44, 12), "unknown key")]
        await scene.plane.reload("watch")
        answer = await client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json()["config_error"] == "routes.yaml:44:12: unknown key"
        metrics = (await client.get("/metrics")).text
        assert "strangler_config_last_reload_successful 0.0" in metrics

    play(story)


def test_a_draining_server_is_alive_and_not_ready(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient) -> None:
        await scene.worker()
        scene.plane.family = Family(draining=True, worker_restarts=(0, 0))
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200
        refused = await client.post("/api/v1/restart", headers=TOKEN)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:strangler:refused")

    play(story)


def test_health_and_metrics_need_no_token_and_the_api_does(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient) -> None:
        await scene.worker()
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await client.get(path)).status_code == 200, path
        api = ("status", "routes", "upstreams", "mismatches", "rollouts", "inventory", "unknown")
        for path in (f"/api/v1/{name}" for name in api):
            refused = await client.get(path)
            assert refused.status_code == 401, path
            assert refused.headers["content-type"] == "application/problem+json"
        assert (await client.post("/api/v1/reload")).status_code == 401
        assert scene.plane.hub.peers()[0].revision == "r1"

    play(story)


def test_a_reload_answers_with_the_revision_that_serves(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient) -> None:
        await scene.worker()
        scene.file = snapshot("r2")
        answer = await client.post("/api/v1/reload", headers=TOKEN)
        assert (answer.status_code, answer.json()) == (200, {"revision": "r2", "changed": True, "late": []})

    play(story)


def test_a_refused_reload_answers_with_every_problem(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient) -> None:
        scene.file = [Problem(Place("routes.yaml", 4, 1), "one"), Problem(Place("routes.yaml", 5, 1), "two")]
        answer = await client.post("/api/v1/reload", headers=TOKEN)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["problems"] == ["routes.yaml:4:1: one", "routes.yaml:5:1: two"]
        assert "revision r1 goes on serving" in answer.json()["detail"]

    play(story)


def test_a_rolling_restart_is_handed_to_the_supervisor(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/v1/restart", headers=TOKEN)
        assert (answer.status_code, answer.json()) == (202, {"workers": 2})
        assert scene.wishes == ["rolling_restart"]

    play(story)


def test_status_shows_each_worker(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient) -> None:
        worker = await scene.worker(1, generation=7)
        worker.count(5, connections=3)
        await until(lambda: bool(scene.hub.totals().requests))
        found = (await client.get("/api/v1/status", headers=TOKEN)).json()
        (shown,) = found["workers"]["connected"]
        assert (shown["number"], shown["generation"], shown["requests"]) == (1, 7, 5)
        assert shown["gauges"] == {"connections": 3}
        assert found["workers"]["wanted"] == 2

    play(story)


def test_routes_show_their_counts_and_never_the_value_of_a_header_edit(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient) -> None:
        match = RouteMatch(path=PathPattern(PathKind.EXACT, "/cart"))
        edits = HeaderEdits(set=(("Authorization", "Basic hidden"),))
        scene.file = snapshot("r2", routes=(Route("cart", (match,), to="monolith", request_headers=edits),))
        worker = await scene.worker()
        await scene.plane.reload("api")
        worker.count(5)
        await until(lambda: bool(scene.hub.totals().requests))
        answer = await client.get("/api/v1/routes", headers=TOKEN)
        (route,) = answer.json()["routes"]
        assert (route["name"], route["stage"], route["requests"]) == ("cart", "legacy", {"legacy": 5})
        assert route["match"] == [{"path": {"kind": "exact", "text": "/cart"}}]
        assert "hidden" not in answer.text

    play(story)


def test_upstreams_show_their_endpoints(play: Play) -> None:
    async def story(_scene: Stage, client: httpx.AsyncClient) -> None:
        (monolith,) = (await client.get("/api/v1/upstreams", headers=TOKEN)).json()["upstreams"]
        assert monolith["name"] == "monolith"
        assert [endpoint["url"] for endpoint in monolith["endpoints"]] == ["http://127.0.0.1:8000"]

    play(story)


def test_rollouts_say_who_leads_and_what_rolls(play: Play) -> None:
    async def story(_scene: Stage, client: httpx.AsyncClient) -> None:
        found = (await client.get("/api/v1/rollouts", headers=TOKEN)).json()
        assert (found["revision"], found["leads"], found["rollouts"]) == ("r1", False, [])

    play(story)


def test_mismatches_give_the_verdict_on_each_route_that_is_mirrored(play: Play, tmp_path: Path) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient) -> None:
        shadowed = Route("r", (RouteMatch(),), to="monolith", stage=RouteStage.SHADOW, shadow=Shadow())
        scene.file = snapshot("r2", routes=(shadowed,), state_dir=scene.plane.active.snapshot.state_dir)
        await scene.plane.reload("watch")
        answer = (await client.get("/api/v1/mismatches?since=1h&limit=5", headers=TOKEN)).json()
        assert (answer["revision"], [route["verdict"] for route in answer["routes"]]) == ("r2", ["not_enough_data"])
        for query in ("since=1", "limit=0", "route=other"):
            refused = await client.get(f"/api/v1/mismatches?{query}", headers=TOKEN)
            assert (refused.status_code, refused.json()["type"]) == (422, "urn:strangler:invalid"), query

    play(story)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/livez", 405)])
def test_what_does_not_exist_is_a_problem_document(play: Play, method: str, path: str, status: int) -> None:
    async def story(_scene: Stage, client: httpx.AsyncClient) -> None:
        answer = await client.request(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status

    play(story)


def test_another_host_is_refused_even_with_the_token(play: Play) -> None:
    async def story(_scene: Stage, client: httpx.AsyncClient) -> None:
        answer = await client.get("/api/v1/status", headers={**TOKEN, "Host": "evil.example"})
        assert answer.status_code == 421

    play(story)


def test_what_was_asked_for_is_told_with_when_the_monolith_last_answered(play: Play) -> None:
    async def story(scene: Stage, client: httpx.AsyncClient) -> None:
        moved = Route(
            "cart", (RouteMatch(PathPattern(PathKind.EXACT, "/cart/")),), to="monolith", stage=RouteStage.CUTOVER
        )
        scene.file = snapshot("r2", routes=(moved,))
        await scene.plane.reload("watch")
        scene.plane.traffic.take(1, [["cart", "legacy", "GET", "/cart/", "curl", 0, 7, 0, 0, 0]])
        found = (await client.get("/api/v1/inventory", headers=TOKEN)).json()
        assert [(line["template"], line["requests"]) for line in found["lines"]] == [("/cart/", 7)]
        assert found["observed"]["rows"][0][:5] == ["cart", "legacy", "GET", "/cart/", "curl"]
        (route,) = (await client.get("/api/v1/routes", headers=TOKEN)).json()["routes"]
        assert route["legacy"]["last_request"] == found["lines"][0]["last_seen"]
        (left,) = (await client.get("/api/v1/status", headers=TOKEN)).json()["left"]
        assert left == {"route": "cart", "stage": "cutover", **route["legacy"]}
        metrics = (await client.get("/metrics")).text
        assert 'strangler_last_legacy_request_timestamp_seconds{route="cart"}' in metrics
        assert "strangler_traffic_unkept 0.0" in metrics

    play(story)
