"""A route is promoted and rolled back again and again while it is in use: no request fails, no line is lost.

Thirty moves, or a hundred where CHAOS is set.
"""

import asyncio
import difflib
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.load import Load
from tests.support.marked_upstream import MarkedUpstream
from tests.support.server import Server, serving

MOVES = 100 if os.environ.get("CHAOS") else 30
CLIENTS = 16
OVER = {"to": "cutover", "force": True, "because": "back and forth"}  # nothing was compared, so no gate is met

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def table(legacy: str, service: str) -> str:
    return f"""\
version: 1   # of the format
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0, drain_timeout: 5s }}
log: {{ access: off }}
defaults: {{ legacy: monolith }}   # who answers the rest
upstreams:
  monolith: {{ url: "{legacy}" }}
  service: {{ url: "{service}" }}

routes:
  # the one that moves
  - name: moving
    match: {{ path: "/moving/**" }}
    to: service
    stage: legacy   # by hand, so far

  - {{ name: resting, match: GET /resting, to: service, stage: cutover }}   # and one that does not
"""


async def test_promotions_and_rollbacks_under_load_fail_no_request(tmp_path: Path) -> None:
    async with MarkedUpstream.running("legacy") as legacy, MarkedUpstream.running("service") as service:
        text = table(legacy.url, service.url)
        with serving(tmp_path, text, "--workers", "2") as server:
            async with Load(server.public, "/moving/on").from_clients(CLIENTS) as load:
                rests: list[tuple[str, float, float]] = []  # the side, from when to when nothing moved
                for turn in range(MOVES):
                    verb, side = ("rollback", "legacy") if turn % 2 else ("promote", "service")
                    await one_move(server, verb, OVER if verb == "promote" else {})
                    taken = time.monotonic()
                    await load.rounds()
                    rests.append((side, taken, time.monotonic()))

            assert load.failures == []
            assert load.refused == 0
            sides = Counter(shot.side for shot in load.shots)
            assert min(sides["legacy"], sides["service"]) >= CLIENTS * MOVES / 4
            reached = Counter(legacy.tokens + service.tokens)
            assert reached == Counter(shot.token for shot in load.shots), "a request was lost, or sent twice"
            for side, taken, left in rests:
                shots = [shot for shot in load.shots if taken <= shot.began and shot.ended <= left]
                assert {shot.side for shot in shots} == {side}, "what begins after a move goes where it led"
            assert server.file.read_text() == text, "after as many moves back as forth, not a letter differs"
            history = (await asyncio.to_thread(server.api, f"history?limit={MOVES}")).json()
            assert (len(history["entries"]), history["broken"], history["unfinished"]) == (MOVES, None, [])
            assert server.log("reload_refused") == []


async def one_move(server: Server, verb: str, body: dict[str, Any]) -> None:
    """It changes one line, that of the stage, and leaves its comment."""
    before = server.file.read_text()
    answer = await asyncio.to_thread(server.move, "moving", verb, **body)
    assert answer.status == 200, answer.body
    after = server.file.read_text()
    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    assert len(changed) == 2
    assert all(line[2:].startswith("    stage: ") and line.endswith("   # by hand, so far") for line in changed)
