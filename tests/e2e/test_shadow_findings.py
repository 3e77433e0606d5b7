"""Faults planted in a service are found on live traffic and named by their field; what is equal raises no alarm."""

import asyncio
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from proxy import clock
from proxy.comparison.runner import Runner
from proxy.comparison.store import Store
from proxy.config.compare import Shadow
from proxy.observability.log import Log
from proxy.operations.mismatches import Question, mismatches
from tests.support.bulk_requests import a_get, send_all
from tests.support.exchanges import a_request, an_answer, an_exchange
from tests.support.faulty_shop import CLERK, ORDINARY, ROUNDED_OTHERWISE
from tests.support.processes import free_port, running
from tests.support.routing import route, snapshot
from tests.support.server import Server, serving

OTHERS = 160
A_TURN, MOST_TURNS = 10 * ROUNDED_OTHERWISE, 20
EQUAL_PAIRS = 20_000

pytestmark = pytest.mark.slow


@contextmanager
def both_sides(folder: Path) -> Iterator[tuple[int, int]]:
    old, new = free_port(), free_port()
    command = [sys.executable, "-m", "tests.support.faulty_shop"]
    with (
        running([*command, str(old), "old"], port=old, log=folder / "old.log"),
        running([*command, str(new), "new"], port=new, log=folder / "new.log"),
    ):
        yield old, new


def shop(old: int, new: int, *, rules: str = "{}") -> str:
    routes = "\n".join(
        f"  - {{ name: {name}, match: /{name}/**, to: service, stage: shadow, shadow: {{ queue: 2000, timeout: 60s }},"
        f" compare: {rules} }}"
        for name in ("products", "reports", "search")
    )
    return f"""\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0 }}
upstreams:
  monolith: {{ url: "http://127.0.0.1:{old}" }}
  service: {{ url: "http://127.0.0.1:{new}" }}
defaults: {{ legacy: monolith }}
routes:
{routes}
"""


def found(server: Server, compared: int) -> dict[str, dict[str, Any]]:
    """What `strangler mismatches --json` says of each route, once that many pairs are counted."""
    said: dict[str, dict[str, Any]] = {}

    def counted() -> bool:
        answer = server.cli("mismatches", "--json")
        said.update((each["route"], each) for each in json.loads(answer.stdout)["routes"])
        return sum(each["compared"] for each in said.values()) >= compared

    server.wait_until(lambda: server.metric("strangler_comparisons_total") >= compared)
    server.wait_until(counted)
    return said


def readings(route: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(group["path"], group["kind"]): group["reading"] for group in route["groups"]}


@pytest.mark.anyio
async def test_planted_faults_are_named_a_clock_is_noise_and_a_rule_makes_its_field_no_matter(tmp_path: Path) -> None:
    requests = [a_get(f"/search/{number}") for number in range(OTHERS)]
    requests += [a_get(f"/reports/{number}", CLERK if number % 10 == 0 else ORDINARY) for number in range(OTHERS)]
    with both_sides(tmp_path) as (old, new), serving(tmp_path, shop(old, new)) as server:
        assert await send_all(server.public, requests) == {200: 2 * OTHERS - OTHERS // 10, 403: OTHERS // 10}
        sent = await ask_for_products_until_the_rare_fault_is_known(server)
        routes = await asyncio.to_thread(found, server, len(requests) + sent)
        assert server.metric("strangler_shadow_total", outcome="answered") == len(requests) + sent
        await asyncio.to_thread(server.wait_until, lambda: server.metric("strangler_verdict", verdict="mismatch") == 3)
        assert readings(routes["products"]) == {
            ("$.price", "value"): "real",
            ("$.age_from", "missing"): "real",
            ("$.served_at", "value"): "noise",
        }
        assert readings(routes["reports"]) == {("authorisation", "authorisation"): "real"}
        assert readings(routes["search"]) == {("$.items", "order"): "real"}
        assert {each["verdict"] for each in routes.values()} == {"mismatch"}
        price = next(group for group in routes["products"]["groups"] if group["path"] == "$.price")
        assert price["count"] == sent // ROUNDED_OTHERWISE
        assert price["example"]["request"].startswith("GET /products/")
        left, right = (float(price["example"][side].strip('"')) for side in ("left", "right"))
        assert right - left == pytest.approx(0.01)
        print(f"3 % known after {sent} pairs, {routes['products']['again']} asked again")
        assert routes["products"]["again"] < sent * 0.7, "the monolith is asked again for ever"
        assert routes["products"]["counted_since"] is not None
        await other_rules_begin_to_count_anew(server, shop(old, new, rules='{ unordered: ["$.items"] }'))


async def ask_for_products_until_the_rare_fault_is_known(server: Server) -> int:
    """The number of requests that it took: those for a field that is unclear have the primary asked again often."""
    for turn in range(MOST_TURNS):
        numbers = range(turn * A_TURN + 1, (turn + 1) * A_TURN + 1)
        await send_all(server.public, [a_get(f"/products/{number}") for number in numbers])
        await asyncio.to_thread(server.wait_until, lambda: server.metric("strangler_comparisons_waiting") == 0)
        answer = await asyncio.to_thread(server.api, "mismatches?route=products")
        if readings(answer.json()["routes"][0]).get(("$.price", "value")) == "real":
            return (turn + 1) * A_TURN
    raise AssertionError(f"not known after {MOST_TURNS * A_TURN} pairs")


async def other_rules_begin_to_count_anew(server: Server, text: str) -> None:
    server.file.write_text(text)
    await asyncio.to_thread(server.wait_for_log, "reloaded")
    await send_all(server.public, [a_get(f"/search/{number}") for number in range(OTHERS)])

    def said() -> dict[str, Any]:
        found: dict[str, Any] = server.api("mismatches?route=search").json()["routes"][0]
        return found

    await asyncio.to_thread(server.wait_until, lambda: said()["compared"] == OTHERS)
    assert (said()["verdict"], said()["groups"]) == ("match", [])
    await asyncio.to_thread(server.wait_until, lambda: server.metric("strangler_verdict", verdict="match") == 1)


def test_twenty_thousand_equal_pairs_raise_no_alarm(tmp_path: Path) -> None:
    """Each tells the time, and has its members in another order than the other side."""
    products = route("products", "/products/**", stage="shadow", shadow=Shadow())
    made = snapshot(products, state_dir=str(tmp_path))
    log = io.StringIO()
    store = Store(made.state_dir, Log("t", log))
    runner = Runner(store, Log("t", log), made)
    for number in range(EQUAL_PAIRS):
        sides = {
            "legacy": f'{{"id": {number}, "tags": ["a", "b"], "price": "{number / 100:.2f}", "at": {3 * number}}}',
            "service": f'{{"price": "{number / 100:.2f}", "id": {number}, "tags": ["a", "b"], "at": {3 * number + 1}}}',
            "again": f'{{"id": {number}, "tags": ["a", "b"], "price": "{number / 100:.2f}", "at": {3 * number + 2}}}',
        }
        answers = {
            role: an_answer(text.encode()) for role, text in sides.items() if role != "again" or number % 20 == 0
        }
        pair = an_exchange(a_request(f"/products/{number}"))
        runner.take(replace(pair, at=clock.now(), route="products", answers=answers, primary="legacy"), None)
        if number % 500 == 499:
            assert runner.wait_until_done(60)
            assert store.flush(60)
    runner.close()
    assert store.flush(60)
    store.close()
    (said,) = mismatches(made, Question(since=timedelta(hours=1)), clock.now())["routes"]
    assert (said["verdict"], said["compared"], said["again"]) == ("match", EQUAL_PAIRS, EQUAL_PAIRS // 20)
    assert readings(said) == {("$.at", "value"): "noise"}
    assert log.getvalue() == ""
