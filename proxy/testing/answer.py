"""Two answers to one request: read as one, and judged by the engine that judges live traffic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import httpx

from proxy import clock
from proxy.comparison.compare import compare
from proxy.comparison.difference import Comparison
from proxy.comparison.rules import Rules, compile_rules
from proxy.config.compare import Compare, IgnoreRule
from proxy.config.comparing import selector, tolerance
from proxy.config.refused import Refused
from proxy.testing.failure import Sides, tell
from proxy.testing.links import Links
from proxy.testing.paired import Paired, Placeholders
from proxy.wire.exchange import CapturedAnswer, CapturedRequest

Paths = str | Sequence[str]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Judge:
    """What is needed to judge two answers. `record` keeps what a report is to say of the test."""

    route: str | None
    compare: Compare
    ignore: tuple[str, ...]
    links: Links
    placeholders: Placeholders
    record: Callable[[str, object], None]


class PairedAnswer:
    """`legacy` and `service` are httpx's responses; everything else is of both."""

    def __init__(self, legacy: httpx.Response, service: httpx.Response, judge: Judge) -> None:
        self.legacy = legacy
        self.service = service
        self._judge = judge

    @property
    def status_code(self) -> Paired:
        return self.each(lambda answer: answer.status_code)

    @property
    def headers(self) -> Paired:
        return self.each(lambda answer: answer.headers)

    @property
    def text(self) -> Paired:
        return self.each(lambda answer: answer.text)

    @property
    def content(self) -> Paired:
        return self.each(lambda answer: answer.content)

    def json(self) -> Paired:
        """The decoded bodies. Raises AssertionError, naming the side, where one is no JSON."""
        return self.each(_json)

    def __getitem__(self, key: Any) -> Paired:
        return self.json()[key]

    def each(self, read: Callable[[httpx.Response], Any]) -> Paired:
        """What `read` finds in each of the two."""
        return Paired(read(self.legacy), read(self.service), self._judge.placeholders)

    def __repr__(self) -> str:
        return f"<{self.legacy.request.method} {self.legacy.request.url.path}: {self.status_code!r}>"

    def compare(
        self,
        *,
        ignore: Paths = (),
        unordered: Paths = (),
        tolerance: Mapping[str, float | str] | None = None,
        mask: Mapping[str, str] | None = None,
        own: Paths = (),
    ) -> Comparison:
        """In what the two differ, by the rules of the route and by these.

        `ignore`: `$.a.b`, `header:Name`, `css:selector`. `unordered`: arrays whose order means nothing. `tolerance`:
        0.01 or "1%" by path. `mask`: RE2 by path. `own`: what each side made for itself, one with its partner from here
        on. Raises ValueError for a rule that is none.
        """
        rules = self._rules(_several(ignore), _several(unordered), tolerance or {}, mask or {})
        _checked(lambda: self._learn(_several(own)))
        return self._compare(_captured(self.legacy), _captured(self.service), rules)

    def assert_same(
        self,
        *,
        ignore: Paths = (),
        unordered: Paths = (),
        tolerance: Mapping[str, float | str] | None = None,
        mask: Mapping[str, str] | None = None,
        own: Paths = (),
    ) -> Self:
        """Raises AssertionError with every difference and two curl commands. The rules are those of `compare`."""
        __tracebackhide__ = True
        found = self.compare(ignore=ignore, unordered=unordered, tolerance=tolerance, mask=mask, own=own)
        if found.equal:
            return self
        rules = self._rules(_several(ignore), _several(unordered), tolerance or {}, mask or {})
        sides = Sides(
            (_request(self.legacy), _request(self.service)),
            (_captured(self.legacy), _captured(self.service)),
            (_origin(self.legacy), _origin(self.service)),
        )
        failure = tell(found, sides, self._judge.route, lambda left, right: self._compare(left, right, rules))
        for name, text in failure.properties:
            self._judge.record(name, text)
        raise AssertionError(failure.text)

    def _rules(
        self,
        ignore: Sequence[str],
        unordered: Sequence[str],
        tolerances: Mapping[str, float | str],
        masks: Mapping[str, str],
    ) -> Rules:
        of_route = self._judge.compare
        return _checked(
            lambda: compile_rules(
                replace(
                    of_route,
                    ignore=(*of_route.ignore, *map(_ignored, (*self._judge.ignore, *ignore))),
                    unordered=(*of_route.unordered, *unordered),
                    tolerance={**of_route.tolerance, **{path: tolerance(far) for path, far in tolerances.items()}},
                    mask={**of_route.mask, **masks},
                ),
                today=clock.now().date(),
            )
        )

    def _learn(self, own: Sequence[str]) -> None:
        for path in own:
            self._judge.links.learn_own(path, self.legacy.content, self.service.content)

    def _compare(self, left: CapturedAnswer, right: CapturedAnswer, rules: Rules) -> Comparison:
        links = self._judge.links
        hosts = [answer.request.url.netloc.decode("ascii") for answer in (self.legacy, self.service)]
        found = compare(left, links.renamed(right), rules, hosts=hosts)
        real = tuple(difference for difference in found.differences if not links.explain(difference))
        return replace(found, differences=real)


def _several(paths: Paths) -> Sequence[str]:
    return (paths,) if isinstance(paths, str) else tuple(paths)


def _checked(do: Callable[[], Result]) -> Result:
    """A rule that is none is a mistake of the test, told in the words that routes.yaml is told it in."""
    try:
        return do()
    except Refused as error:
        raise ValueError(f"{error.message}{f' ({error.hint})' if error.hint else ''}") from None


def _ignored(subject: str) -> IgnoreRule:
    kind, colon, rest = subject.partition(":")
    if colon and kind == "header" and rest.strip():
        return IgnoreRule(header=rest.strip())
    if colon and kind == "css" and rest.strip():
        return IgnoreRule(css=selector(rest.strip()))
    return IgnoreRule(path=subject)


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        told = f"{answer.status_code}, {answer.headers.get('content-type', 'no type')}, {len(answer.content)} bytes"
        raise AssertionError(f"{_origin(answer)} answered with no JSON: {told}") from error


def _origin(answer: httpx.Response) -> str:
    return f"{answer.request.url.scheme}://{answer.request.url.netloc.decode('ascii')}"


def _captured(answer: httpx.Response) -> CapturedAnswer:
    """httpx has undone the content coding, so its field goes."""
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw]
    kept = tuple((name, value) for name, value in fields if name.lower() != "content-encoding")
    return CapturedAnswer(answer.status_code, kept, answer.content, answer.elapsed.total_seconds())


def _request(answer: httpx.Response) -> CapturedRequest:
    asked = answer.request
    raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in asked.headers.raw]
    fields = tuple(field for field in raw if (field[0].lower(), field[1]) != ("host", asked.url.netloc.decode("ascii")))
    return CapturedRequest(asked.method, asked.url.raw_path.decode("ascii"), fields, _sent(asked))


def _sent(asked: httpx.Request) -> bytes:
    """A form with files went out in pieces, and is made again. A stream that is over, or a closed file, cannot be."""
    try:
        return asked.read()
    except (httpx.StreamError, ValueError):
        return b""
