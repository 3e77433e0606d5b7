"""What one pair of answers comes to under the rules of its route, told without secrets.

Answers are compared as they were on the wire: two secrets that differ are two values that differ. What is kept of a
difference is its place and, for an example, texts of answers whose secrets are masked. Nothing else leaves this module.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from proxy.comparison.compare import compare
from proxy.comparison.difference import Comparison, Difference, Kind
from proxy.comparison.rules import Rules, compile_rules
from proxy.comparison.tally import Judged, rules_name
from proxy.comparison.telling import in_words_of, shown_path
from proxy.config.model import Route, Snapshot, Stage
from proxy.wire.exchange import AGAIN, LEGACY, SERVICE, Exchange, value
from proxy.wire.redaction import Redactor

MAX_PATHS: Final = 4096
"""Field paths of which it is remembered how they are shown."""

WantsExample = Callable[[str, str, Comparison], bool]
"""From route, name of the rules and differences, whether the pair is worth being shown."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the pairs of a route are compared under on one day. `rules` is for one thread.

    `answering` are the sides whose answers clients get. At canary both are, and the monolith is the primary of all
    pairs: the service is measured by it, whoever answered the client.
    """

    route: Route
    day: date
    name: str
    rules: Rules
    primary: str
    candidate: str
    answering: tuple[str, ...]
    hosts: tuple[str, ...]


def terms_of(route: Route, snapshot: Snapshot, day: date) -> Terms:
    """The terms of a mirrored route."""
    upstreams = [snapshot.upstreams[name] for name in (snapshot.legacy, route.to) if name is not None]
    hosts = tuple(endpoint.authority for upstream in upstreams for endpoint in upstream.endpoints)
    primary, candidate = (SERVICE, LEGACY) if route.stage is Stage.CUTOVER else (LEGACY, SERVICE)
    rules = compile_rules(route.compare, today=day)
    answering = (LEGACY, SERVICE) if route.stage is Stage.CANARY else (primary,)
    return Terms(route, day, rules_name(route, day), rules, primary, candidate, answering, hosts)


class Judge:
    """Judges pairs, for one thread."""

    def __init__(self) -> None:
        self._redactor = Redactor()
        self._shown: dict[str, str] = {}

    def judge(self, exchange: Exchange, failure: str | None, terms: Terms, wants_example: WantsExample) -> Judged:
        """What came of a pair; `failure` is why the side that did not answer the client gave no answer.

        Raises KeyError when an answer is not there, and no failure says why.
        """
        compared = _compared(exchange, failure, terms)
        again = _asked_again(exchange, terms)
        found = self._bare(compared)
        example = None
        if found.differences and wants_example(terms.route.name, terms.name, found):
            example = self._redactor.redact(exchange)
            masked = _compared(example, failure, terms).differences
            found = replace(compared, differences=in_words_of(masked, compared.differences, self._path))
        return Judged(exchange.at, terms.route.name, terms.name, found, again and self._bare(again), example)

    def _bare(self, comparison: Comparison) -> Comparison:
        """Where the two differ, and no word of what they say there."""
        return replace(
            comparison,
            differences=tuple(
                Difference(each.kind, path, None, None, path)
                for each, path in ((each, self._path(each.path)) for each in comparison.differences)
            ),
        )

    def _path(self, path: str) -> str:
        """As it is shown. Masking costs more than remembering."""
        found = self._shown.get(path)
        if found is None:
            if len(self._shown) >= MAX_PATHS:
                self._shown.clear()
            found = self._shown[path] = shown_path(path, self._redactor)
        return found


def _compared(exchange: Exchange, failure: str | None, terms: Terms) -> Comparison:
    answers = exchange.answers
    if failure is not None:
        status, none = str(answers[exchange.primary].status), f"no answer ({failure})"
        left, right = (status, none) if exchange.primary == terms.primary else (none, status)
        return Comparison((Difference(Kind.STATUS, "status", left, right, "status"),))
    return compare(answers[terms.primary], answers[terms.candidate], terms.rules, hosts=_hosts(exchange, terms))


def _asked_again(exchange: Exchange, terms: Terms) -> Comparison | None:
    again = exchange.answers.get(AGAIN)
    if again is None or terms.primary not in exchange.answers:
        return None
    return compare(exchange.answers[terms.primary], again, terms.rules, hosts=_hosts(exchange, terms))


def _hosts(exchange: Exchange, terms: Terms) -> tuple[str, ...]:
    """The sides' own, and the one that the client asked for, which is what most applications put into their URLs."""
    asked = value(exchange.request.fields, "host")
    return (*terms.hosts, asked) if asked else terms.hosts
