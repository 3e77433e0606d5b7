"""What is asked before a rollout's step, and told after its rollback, over HTTP. Never in a rollout's way.

Before a step: anything but 2xx, and no answer, keeps the step back. After a rollback: told once; a failure is logged.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from proxy.rollout.asking import NoAnswer
from proxy.rollout.prometheus import Asks

MAX_TELLING: Final = 100  # rollbacks that are being told; beyond it one is not, and the log says so


class Log(Protocol):
    def info(self, event: str, **fields: object) -> None: ...

    def warning(self, event: str, **fields: object) -> None: ...

    def failure(self, event: str, **fields: object) -> None: ...


class Hooks:
    """The questions under way, by route."""

    def __init__(self, asks: Asks, log: Log) -> None:
        self._asks = asks
        self._log = log
        self._asked: dict[str, tuple[str, asyncio.Task[str]]] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def before_step(self, route: str, url: str, seconds: float, body: Mapping[str, Any]) -> str | None:
        """Why the step may not be, empty when it may; None while that is being asked."""
        text = json.dumps(body)
        step = f"{body['from']} {body['to']}"
        asked = self._asked.get(route)
        if asked is None or asked[0] != step:
            self.forget(route)
            asked = self._asked[route] = (step, asyncio.create_task(self._ask(url, seconds, text)))
        return asked[1].result() if asked[1].done() else None

    def forget(self, route: str) -> None:
        """What was asked for a route, if anything, does not matter any more."""
        if (asked := self._asked.pop(route, None)) is not None:
            asked[1].cancel()

    def after_rollback(self, route: str, url: str, seconds: float, body: Mapping[str, Any]) -> None:
        if len(self._telling) >= MAX_TELLING:
            self._log.failure("hook_failed", hook="after_rollback", route=route, detail="too many are being told")
            return
        telling = asyncio.create_task(self._tell(route, url, seconds, json.dumps(body)))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    def close(self) -> None:
        for task in (*self._telling, *(task for _, task in self._asked.values())):
            task.cancel()

    async def _ask(self, url: str, seconds: float, text: str) -> str:
        try:
            answer = await self._asks.ask(url, seconds=seconds, body=text.encode())
        except NoAnswer as error:
            return f"the hook before_step gave {error}"
        return "" if 200 <= answer.status < 300 else f"the hook before_step answered {answer.status}"

    async def _tell(self, route: str, url: str, seconds: float, text: str) -> None:
        try:
            status = (await self._asks.ask(url, seconds=seconds, body=text.encode())).status
        except NoAnswer as error:
            self._log.failure("hook_failed", hook="after_rollback", route=route, detail=str(error))
            return
        if not 200 <= status < 300:
            self._log.failure("hook_failed", hook="after_rollback", route=route, detail=f"status {status}")
