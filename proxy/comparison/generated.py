"""[IO] Requests that schemathesis makes up from an OpenAPI document: the same ones for the same document and seed.

schemathesis is imported here and only when asked for: it is no dependency of a proxy.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from proxy.wire.exchange import CapturedRequest

EACH: Final = 20
"""Requests made up for each operation."""

_NOT_SENT: Final = frozenset(
    {"user-agent", "connection", "accept-encoding", "content-length", "x-schemathesis-testcaseid"}
)


class NotGenerated(Exception):
    """Why there are no requests; one line for a person."""


def generate(document: Path, *, seed: int = 1, each: int = EACH) -> Iterator[CapturedRequest]:
    """Requests for every operation of the document, valid by it. Raises NotGenerated."""
    try:
        schemathesis, hypothesis, requests = map(import_module, ("schemathesis", "hypothesis", "requests"))
    except ImportError as error:
        missing = error.name or "schemathesis"
        raise NotGenerated(f"--openapi needs {missing}: pip install 'schemathesis>=4'") from None
    try:
        schema = schemathesis.openapi.from_path(document)
    except Exception as error:  # it has many, of its own and of the parsers below it
        raise NotGenerated(f"{document}: not an OpenAPI document that can be read: {_line(error)}") from None
    prefix = urlsplit(str(getattr(schema, "base_path", "") or "")).path.rstrip("/")
    for found in schema.get_all_operations():
        try:
            cases = _cases(hypothesis, found.ok(), seed, each)
        except Exception as error:  # likewise; what one operation says wrongly must not hide the others
            raise NotGenerated(f"{document}: no requests can be made from it: {_line(error)}") from None
        for case in cases:
            yield _request(requests, case, prefix)


def _cases(hypothesis: Any, operation: Any, seed: int, each: int) -> list[Any]:
    cases: list[Any] = []

    def collect(case: Any) -> None:
        cases.append(case)

    settings = hypothesis.settings(
        max_examples=each,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.seed(seed)(settings(hypothesis.given(operation.as_strategy())(collect)))()
    return cases


def _request(requests: Any, case: Any, prefix: str) -> CapturedRequest:
    names = ("method", "url", "headers", "params", "json", "data", "files", "cookies")
    arguments = case.as_transport_kwargs(base_url=f"http://side{prefix}")
    made = requests.Request(**{name: found for name, found in arguments.items() if name in names}).prepare()
    fields = tuple(
        (_text(name), _text(found)) for name, found in made.headers.items() if _text(name).lower() not in _NOT_SENT
    )
    body = made.body or b""
    return CapturedRequest(made.method, made.path_url, fields, body.encode() if isinstance(body, str) else body)


def _text(found: str | bytes) -> str:
    return found.decode("latin-1") if isinstance(found, bytes) else found.encode("utf-8").decode("latin-1")


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
