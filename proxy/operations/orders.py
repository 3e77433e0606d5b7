"""An order to move: which routes, how, who says so and why. Read from the body of a call, and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final

from proxy.config.model import Snapshot, Stage
from proxy.config.refused import Refused
from proxy.config.values import choice, day, flag, share
from proxy.operations.errors import Code, OperationError
from proxy.rollout.moves import Wish
from proxy.rollout.ports import Verb

VERBS: Final = (Verb.PROMOTE, Verb.SHADOW, Verb.PAUSE, Verb.RESUME, Verb.ROLLBACK, Verb.RETIRE)
MAX_TEXT: Final = 500  # letters of a reason, or a name: a line of the ledger

_KEYS: Final[Mapping[Verb, frozenset[str]]] = {
    Verb.PROMOTE: frozenset({"to", "weight"}),
    Verb.ROLLBACK: frozenset({"to", "weight", "now"}),
    Verb.RETIRE: frozenset({"see", "sunset", "deprecated", "status"}),
}
_COMMON: Final = frozenset({"revision", "because", "force", "dry_run", "who"})


class Scope(StrEnum):
    """What a name in an order names."""

    ROUTE = "routes"
    GROUP = "groups"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Order:
    """`revision`: refuse unless that one serves. `respond` is what a retired route says besides.

    `now`: end tunnels and event streams of the side that is left at once.
    """

    scope: Scope
    name: str
    wish: Wish
    who: str
    because: str = ""
    revision: str | None = None
    dry_run: bool = False
    respond: Mapping[str, str | int] = field(default_factory=dict)
    now: bool = False


def read_order(scope: Scope, name: str, verb: str, body: Mapping[str, Any], caller: str) -> Order:
    """`caller` is who showed a token, and "" for one who needs none; a `who` in the body is what the client says.

    Raises OperationError (invalid).
    """
    if verb not in VERBS or (scope is Scope.ALL and verb != Verb.ROLLBACK):
        raise OperationError(Code.INVALID, f'"{verb[:40]}" is no move; there are {", ".join(VERBS)}')
    move = Verb(verb)
    if unknown := set(body) - _COMMON - _KEYS.get(move, frozenset()):
        raise OperationError(Code.INVALID, f'{move} has no "{sorted(unknown)[0][:40]}"')
    wish = Wish(move, _stage(body), _weight(body), read_flag(body, "force"))
    because = read_reason(body, is_forced=wish.force)
    return Order(
        scope,
        name,
        wish,
        name_caller(caller, read_text(body, "who")),
        because,
        read_text(body, "revision"),
        read_flag(body, "dry_run"),
        _respond(body),
        read_flag(body, "now"),
    )


def read_reason(body: Mapping[str, Any], *, is_forced: bool) -> str:
    """Raises OperationError (invalid)."""
    because = read_text(body, "because") or ""
    if is_forced and not because:
        raise OperationError(Code.INVALID, "who insists says why: because", ("--force needs --because TEXT",))
    return because


def refuse_other_revision(snapshot: Snapshot, asked: str | None) -> None:
    """Raises OperationError (refused) when another one serves than the one that somebody decided on."""
    if asked not in (None, snapshot.revision):
        message = f"revision {snapshot.revision} serves, not {asked}: look again before you move anything"
        raise OperationError(Code.REFUSED, message, data={"revision": snapshot.revision})


def name_caller(caller: str, says: str | None) -> str:
    """Who showed a token, and who they say they are."""
    if not caller:
        return says or "unknown"
    return f"{caller} ({says})" if says else caller


def _stage(body: Mapping[str, Any]) -> Stage | None:
    stage: Stage | None = _parsed(body, "to", choice(Stage, "a stage"))
    return stage


def _weight(body: Mapping[str, Any]) -> float | None:
    weight: float | None = _parsed(body, "weight", share(0))
    return None if weight is None else round(weight, 4)


def read_flag(body: Mapping[str, Any], key: str) -> bool:
    return bool(_parsed(body, key, flag))


def _respond(body: Mapping[str, Any]) -> dict[str, str | int]:
    """As the file writes it; whether it makes sense the file's own rules say."""
    found: dict[str, str | int] = {}
    if (see := read_text(body, "see")) is not None:
        found["see"] = see
    for key in ("sunset", "deprecated"):
        given: date | None = _parsed(body, key, day)
        found |= {} if given is None else {key: given.isoformat()}
    status = body.get("status")
    if status is not None and (not isinstance(status, int) or isinstance(status, bool)):
        raise OperationError(Code.INVALID, "status: a number, such as 410 or 301")
    return found | ({} if status is None else {"status": status})


def _parsed(body: Mapping[str, Any], key: str, parse: Any) -> Any:
    if body.get(key) is None:
        return None
    try:
        return parse(body[key])
    except Refused as refused:
        hint = f" ({refused.hint})" if refused.hint else ""
        raise OperationError(Code.INVALID, f"{key}: {refused.message}{hint}") from refused


def read_text(body: Mapping[str, Any], key: str) -> str | None:
    """One line: what cannot be printed is left out, so that no report and no terminal is led astray."""
    given = body.get(key)
    if given is None:
        return None
    if not isinstance(given, str) or len(given) > MAX_TEXT:
        raise OperationError(Code.INVALID, f"{key}: a text of at most {MAX_TEXT} letters")
    return "".join(letter for letter in given if letter.isprintable()).strip() or None
