"""[IO] Asks two systems the same requests, at the same time, and compares what they answer.

Nobody is asked to write anything that the source did not offer. Where two answers differ, the left side is asked the
same once more if that is safe, and so for a share of the others: what it differs in from itself is noise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from proxy import clock
from proxy.comparison.asking import NoAnswer, Side
from proxy.comparison.compare import compare
from proxy.comparison.difference import Comparison, Difference, Kind
from proxy.comparison.report import LEFT, RIGHT, Tally, shortened
from proxy.comparison.rules import Rules
from proxy.comparison.sources import SAFE, Asked, Source
from proxy.comparison.telling import tell
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Exchange, value
from proxy.wire.redaction import Redactor

GIVEN_UP_AFTER: Final = 3
"""Requests in vain to a side that has never answered, before it is held to be unreachable."""


@dataclass(frozen=True, slots=True)
class Planned:
    """How a request is put to each side, and judged."""

    route: str | None
    rules: Rules
    left: CapturedRequest
    right: CapturedRequest
    dress: Callable[[CapturedAnswer], CapturedAnswer] = lambda answer: answer  # what the proxy does to the right one


Plan = Callable[[CapturedRequest], Planned | str]
"""How a request is asked, or why it is left out."""


class Unreachable(Exception):
    """A side has answered nothing at all; the message names it."""


class SideBySide:
    """One comparison of two systems."""

    def __init__(self, left: Side, right: Side, plan: Plan, redactor: Redactor, *, again: float = 0.1) -> None:
        """`again` is the share of equal pairs after which the left side is asked once more; at 0 it never is."""
        self.tally = Tally()
        self._sides = {LEFT: left, RIGHT: right}
        self._plan = plan
        self._redactor = redactor
        self._again = again
        self._answered: set[str] = set()
        self._in_vain = {LEFT: 0, RIGHT: 0}
        self._unreachable: str | None = None

    async def run(self, source: Source, *, concurrency: int, progress: Callable[[int, int], None]) -> None:
        """Ask all that the source has. `progress` is told how many are done, of how many. Raises Unreachable."""
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                while len(under_way) < concurrency and (asked := source.take()) is not None:
                    under_way.add(asyncio.create_task(self._ask_both(asked, source)))
                if not under_way:
                    break
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                if self._unreachable:
                    raise Unreachable(self._unreachable)
                progress(self.tally.exchanges, self.tally.exchanges + len(under_way) + len(source))
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        for side in (LEFT, RIGHT):
            if self.tally.exchanges and side not in self._answered:
                raise Unreachable(f"{self._sides[side].url} answers nothing: no request was answered")

    async def _ask_both(self, asked: Asked, source: Source) -> None:
        planned = self._plan(asked.request)
        if isinstance(planned, str):
            source.skipped[planned] += 1
            return
        at = clock.now()
        left, right = await asyncio.gather(self._ask(LEFT, planned.left), self._ask(RIGHT, planned.right))
        if isinstance(left, CapturedAnswer):
            source.learn(asked, left)
        if isinstance(left, NoAnswer) and isinstance(right, NoAnswer):
            self.tally.add_unanswered("no_answer")
            return
        answers = {
            side: answer if side == LEFT else planned.dress(answer)
            for side, answer in ((LEFT, left), (RIGHT, right))
            if isinstance(answer, CapturedAnswer)
        }
        await self._judge(
            planned, Exchange(at, planned.route, asked.request, answers, next(iter(answers))), left, right
        )

    async def _judge(
        self, planned: Planned, exchange: Exchange, left: CapturedAnswer | NoAnswer, right: CapturedAnswer | NoAnswer
    ) -> None:
        hosts = self._hosts(exchange.request)
        if isinstance(left, NoAnswer) or isinstance(right, NoAnswer):
            found = _unanswered(left, right)
        else:
            found = compare(exchange.answers[LEFT], exchange.answers[RIGHT], planned.rules, hosts=hosts)
        told, right_request = None, None
        if found.differences and self.tally.wants_examples(planned.route, found):
            masked, differences = tell(found, exchange, (LEFT, RIGHT), planned.rules, self._redactor, hosts)
            if len(exchange.answers) < 2:
                differences = found.differences  # statuses and reasons of our own: nothing in them is a secret
            told = shortened(masked), differences
            if planned.right != exchange.request:
                right_request = self._redactor.redact(replace(exchange, request=planned.right, answers={})).request
        self.tally.add(planned.route, found, told, right_request)
        if isinstance(left, CapturedAnswer) and self._asks_again(planned.left, found):
            again = await self._ask(LEFT, planned.left)
            if isinstance(again, CapturedAnswer):
                self.tally.add_again(planned.route, compare(left, again, planned.rules, hosts=hosts))

    def _asks_again(self, request: CapturedRequest, found: Comparison) -> bool:
        if request.method not in SAFE or self._again <= 0:
            return False
        return bool(found.differences) or clock.draw() < self._again

    async def _ask(self, side: str, request: CapturedRequest) -> CapturedAnswer | NoAnswer:
        try:
            answer = await self._sides[side].ask(request)
        except NoAnswer as error:
            self._in_vain[side] += 1
            if side not in self._answered and self._in_vain[side] >= GIVEN_UP_AFTER:
                self._unreachable = f"{self._sides[side].url} answers nothing: {error}"
            return error
        self._answered.add(side)
        return answer

    def _hosts(self, request: CapturedRequest) -> list[str]:
        named = value(request.fields, "host")
        return [side.authority for side in self._sides.values()] + ([named] if named else [])


def _unanswered(left: CapturedAnswer | NoAnswer, right: CapturedAnswer | NoAnswer) -> Comparison:
    one, other = (
        f"no answer ({side.reason})" if isinstance(side, NoAnswer) else str(side.status) for side in (left, right)
    )
    return Comparison((Difference(Kind.STATUS, "status", one, other, "status"),))
