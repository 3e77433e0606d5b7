"""REST between the services: one client for each service that another one calls.

Failures are values, since every caller has to decide on them. What may be repeated (GET, HEAD, and whatever carries
an Idempotency-Key) is tried again with growing, jittered pauses, never for longer than `Timeouts.whole`; anything else
only while it is certain that nothing was sent. A service that fails most of the time is left alone for a moment
(`guard`). No redirect is followed, so the internal token goes nowhere else.
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
import stamina

from extracted_services.chassis.guard import DEFAULT_GUARDS, Guard, Guards, LeftAlone
from extracted_services.chassis.trace import current, start_trace

READS = ("GET", "HEAD")
WORTH_ANOTHER_TRY = frozenset({429, 502, 503, 504})
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
SERVER_ERROR = 500
CONNECTIONS = 50
# Shorter than servers keep an idle connection (most: 5 s or more), so that none is closed while a request is put on it.
KEEP_ALIVE_SECONDS = 4.0
LONGEST_ANSWER_BYTES = 1024 * 1024

Resolve = Callable[[], Awaitable[str]]
"""Where the service is now: a base URL without a slash at its end. Raises LookupError when nobody knows."""

logger = logging.getLogger("client")


@dataclass(frozen=True, slots=True)
class Answered:
    """The service did what it was asked: 2xx. `body` is the JSON value, None when there is none."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The service said no (4xx, or 500), and why: a problem document, empty if it sent none."""

    status: int
    problem: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """ "insufficient-stock" of `urn:shop:insufficient-stock`; "" without a problem document."""
        return str(self.problem.get("type", "")).removeprefix("urn:shop:")


@dataclass(frozen=True, slots=True)
class Unreachable:
    """There was no answer, or one that says "not now". `may_be_done`: the service may have done it all the same."""

    reason: str
    may_be_done: bool


Outcome = Answered | Refused | Unreachable


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds: to connect; for one try; for all tries and the pauses between them."""

    connect: float = 1.0
    attempt: float = 5.0
    whole: float = 15.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is sent at most, and the pauses in between, in seconds: doubled each time, plus jitter.

    A Retry-After lengthens a pause, up to `longest`.
    """

    attempts: int = 3
    first: float = 0.1
    longest: float = 2.0
    jitter: float = 0.2


ONCE = Retries(attempts=1)
"""For a caller that asks again itself."""


class ServiceClient:
    """Requests to one service. `aclose()` it at the end, or use it as a context."""

    def __init__(
        self,
        name: str,
        base: str | Resolve,
        *,
        token: str,
        timeouts: Timeouts = Timeouts(),
        retries: Retries = Retries(),
        guards: Guards = DEFAULT_GUARDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._name = name
        self._base = base
        self._timeouts = timeouts
        self._retries = retries
        self._guard = Guard(guards)
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=httpx.Timeout(timeouts.attempt, connect=timeouts.connect, pool=timeouts.connect),
            limits=httpx.Limits(
                max_connections=CONNECTIONS,
                max_keepalive_connections=CONNECTIONS,
                keepalive_expiry=KEEP_ALIVE_SECONDS,
            ),
            transport=transport,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Outcome:
        return await self._request(_Call("GET", path, parameters or {}))

    async def post(self, path: str, body: object = None, *, key: str | None = None) -> Outcome:
        """`key` is the Idempotency-Key, without which a POST is not repeated once it may have arrived."""
        return await self._request(_Call("POST", path, body=body, key=key))

    async def _request(self, call: "_Call") -> Outcome:
        try:
            async with self._guard.passage() as passage:
                outcome = await self._insist(call)
                passage.failed = isinstance(outcome, Unreachable) or (
                    isinstance(outcome, Refused) and outcome.status >= SERVER_ERROR
                )
                return outcome
        except LeftAlone as reason:
            return Unreachable(str(reason), may_be_done=False)

    async def _insist(self, call: "_Call") -> Outcome:
        try:
            async for attempt in stamina.retry_context(
                on=lambda failure: self._plan_retry(call, failure),
                attempts=self._retries.attempts,
                timeout=self._timeouts.whole,
                wait_initial=self._retries.first,
                wait_max=self._retries.longest,
                wait_jitter=self._retries.jitter,
            ):
                with attempt:
                    return await self._attempt(call)
        except _Failure as failure:
            return Unreachable(failure.reason, failure.may_be_done)
        raise AssertionError("there is at least one attempt")

    def _plan_retry(self, call: "_Call", failure: Exception) -> bool | float:
        if not isinstance(failure, _Failure) or (failure.may_be_done and not call.may_be_repeated):
            return False
        logger.info("%s: %s %s: %s", self._name, call.method, call.path, failure.reason)
        if failure.retry_after is None:
            return True
        return min(failure.retry_after, self._retries.longest) + random.uniform(0, self._retries.jitter)  # noqa: S311 - a pause

    async def _attempt(self, call: "_Call") -> Answered | Refused:
        """One exchange. Raises _Failure."""
        try:
            async with asyncio.timeout(self._timeouts.attempt):
                return await self._exchange(call)
        except TimeoutError:
            raise _Failure(f"no answer within {self._timeouts.attempt:g} s", may_be_done=True) from None
        except NOT_SENT as problem:
            raise _Failure(_describe(problem), may_be_done=False) from None
        except httpx.HTTPError as problem:
            raise _Failure(_describe(problem), may_be_done=True) from None

    async def _resolve(self) -> str:
        if isinstance(self._base, str):
            return self._base
        try:
            return await self._base()
        except LookupError as problem:
            raise _Failure(f"nobody knows where {self._name} is: {problem}", may_be_done=False) from None

    async def _exchange(self, call: "_Call") -> Answered | Refused:
        base = await self._resolve()
        trace = current.get() or start_trace()
        async with self._client.stream(
            call.method,
            base + call.path,
            params=call.parameters or None,
            content=call.content,
            headers=call.headers | trace.headers(),
        ) as answer:
            body = _parse(answer, await _read(answer))
        if answer.status_code in WORTH_ANOTHER_TRY:
            raise _Failure(f"answered {answer.status_code}", may_be_done=True, retry_after=_read_retry_after(answer))
        if answer.is_success:
            return Answered(answer.status_code, body, dict(answer.headers))
        return Refused(answer.status_code, body if isinstance(body, dict) else {})


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    key: str | None = None

    @property
    def may_be_repeated(self) -> bool:
        return self.method in READS or self.key is not None

    @property
    def content(self) -> bytes | None:
        return None if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()

    @property
    def headers(self) -> dict[str, str]:
        headers = {} if self.body is None else {"Content-Type": "application/json"}
        return headers if self.key is None else {**headers, "Idempotency-Key": self.key}


class _Failure(Exception):
    def __init__(self, reason: str, *, may_be_done: bool, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_be_done = may_be_done
        self.retry_after = retry_after


async def _read(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > LONGEST_ANSWER_BYTES:
            raise _Failure(f"an answer of more than {LONGEST_ANSWER_BYTES} bytes", may_be_done=True)
    return bytes(body)


def _parse(answer: httpx.Response, body: bytes) -> Any:
    """The JSON value; None for nothing, and for the body of an error that is not JSON. Raises _Failure."""
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        if answer.is_success:
            raise _Failure("an answer that is not JSON", may_be_done=True) from None
        return None


def _read_retry_after(answer: httpx.Response) -> float | None:
    """Only in the form of seconds: no service of the shop sends a date."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def _describe(problem: httpx.HTTPError) -> str:
    return str(problem) or type(problem).__name__
