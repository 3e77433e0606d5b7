"""The command line's way to a running server: HTTP to the console named in the file, with the operator's token.

Standard library only and one connection a question: no proxy from the environment, no redirect is followed, so the
token goes nowhere but to that address.
"""

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from proxy.config.model import Address
from proxy.config.values import format_duration
from proxy.control.token import VARIABLE, Token
from proxy.operations.errors import Code, OperationError
from proxy.operations.mismatches import Question
from proxy.operations.orders import Scope

TIMEOUT_SECONDS = 15.0  # a reload compiles the file and waits for the workers
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a server that listens everywhere is asked from here
_MAX_BODY_BYTES = 64 * 1024 * 1024
MOVE_SECONDS = 120.0  # a handover has limits of its own, and they are shorter
_CODES = {f"urn:strangler:{code.value}": code for code in Code}
_OF_A_PROBLEM = ("type", "title", "status", "detail", "problems")


@dataclass(frozen=True, slots=True)
class Console:
    """A running server's console. Every method raises `OperationError`."""

    address: Address
    token: Token

    def answers(self) -> bool:
        """Whether anybody listens at its address. Who listens and says nothing is there all the same."""
        try:
            with self._connected() as connection:
                connection.connect()
        except ConnectionRefusedError:
            return False
        except OSError as error:
            raise self._unreachable(error) from error
        return True

    def status(self) -> dict[str, Any]:
        return self._ask("GET", "/api/v1/status")

    def routes(self) -> dict[str, Any]:
        return self._ask("GET", "/api/v1/routes")

    def upstreams(self) -> dict[str, Any]:
        return self._ask("GET", "/api/v1/upstreams")

    def rollouts(self) -> dict[str, Any]:
        return self._ask("GET", "/api/v1/rollouts")

    def inventory(self) -> dict[str, Any]:
        return self._ask("GET", "/api/v1/inventory")

    def mismatches(self, question: Question) -> dict[str, Any]:
        asked = {"since": format_duration(question.since), "limit": question.limit}
        asked |= {"route": question.route} if question.route else {}
        return self._ask("GET", f"/api/v1/mismatches?{urlencode(asked)}")

    def reload(self) -> dict[str, Any]:
        return self._ask("POST", "/api/v1/reload")

    def restart(self) -> dict[str, Any]:
        return self._ask("POST", "/api/v1/restart")

    def history(self, route: str | None, limit: int) -> dict[str, Any]:
        asked = {"limit": limit} | ({"route": route} if route else {})
        return self._ask("GET", f"/api/v1/history?{urlencode(asked)}")

    def move(self, scope: Scope, name: str, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Returns when it holds in every worker; a handover may hold writes for as long as the file lets it."""
        path = verb if scope is Scope.ALL else f"{scope.value}/{quote(name, safe='')}/{verb}"
        return self._ask("POST", f"/api/v1/{path}", json.dumps(body).encode(), timeout_seconds=MOVE_SECONDS)

    def record(self, order: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Lines of a recording, at least one a second, until the server ends it or the iterator is closed."""
        return self._stream("/api/v1/record", order)

    def handovers(self) -> dict[str, Any]:
        return self._ask("GET", "/api/v1/handovers")

    def hand_over(self, kind: str, name: str, order: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Lines of a handover of a route or a group (`kind`), at least one a second; the last one is its end."""
        return self._stream(f"/api/v1/{kind}s/{quote(name, safe='')}/handover", order)

    def _stream(self, path: str, order: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        with self._connected() as connection:
            body = json.dumps(order).encode()
            answer = self._send(connection, "POST", path, body)
            if answer.status >= 400:
                self._read(answer.status, answer.read(_MAX_BODY_BYTES))
            while line := self._line(answer):
                yield line

    def _line(self, answer: http.client.HTTPResponse) -> dict[str, Any]:
        """The next one; empty at the end, also when the server has gone."""
        try:
            line = answer.readline(_MAX_BODY_BYTES)
        except (OSError, http.client.HTTPException):
            return {}
        found = json.loads(line) if line.endswith(b"\n") else {}
        return found if isinstance(found, dict) else {}

    def _ask(
        self, method: str, path: str, content: bytes | None = None, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> dict[str, Any]:
        with self._connected(timeout_seconds) as connection:
            answer = self._send(connection, method, path, content)
            try:
                body = answer.read(_MAX_BODY_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise self._unreachable(error) from error
        return self._read(answer.status, body)

    def _connected(self, timeout_seconds: float = TIMEOUT_SECONDS) -> contextlib.closing[http.client.HTTPConnection]:
        host = _ANY.get(self.address.host, self.address.host)
        return contextlib.closing(http.client.HTTPConnection(host, self.address.port, timeout=timeout_seconds))

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
    ) -> http.client.HTTPResponse:
        headers = {"Accept": "application/json"}
        if self.token.value is not None:
            headers["Authorization"] = f"Bearer {self.token.value}"
        try:
            connection.request(method, path, body, headers)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> OperationError:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        return OperationError(Code.UNREACHABLE, f"no server answers at http://{self.address}: {reason.lower()}")

    def _read(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            message = f"what answers at http://{self.address} is not this server (HTTP {status})"
            raise OperationError(Code.UNREACHABLE, message)
        if status < 400:
            return found
        if status == 401:
            raise OperationError(Code.REFUSED, f"the console did not accept the token{self._advice()}")
        code = _CODES.get(str(found.get("type")), Code.INVALID if status == 422 else Code.REFUSED)
        details = tuple(str(each) for each in found.get("problems", ()))
        raise OperationError(code, str(found.get("detail") or f"HTTP {status}"), details, _more(found))

    def _advice(self) -> str:
        if self.token.problem is None:
            return f" from {self.token.where}"
        return f": {self.token.where}: {self.token.problem}; set {VARIABLE}, or --config to the server's file"


def _more(problem: Mapping[str, Any]) -> dict[str, Any]:
    """What a problem says to programs beyond what every problem says."""
    return {key: value for key, value in problem.items() if key not in _OF_A_PROBLEM}
