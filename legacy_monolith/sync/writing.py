"""One write of the shop: a transaction that may write certain entities, and tells what it changed.

Changes are recorded where they are made and written to the outbox as the last thing before the commit, so that the
lock on an entity's positions, for which all who write the entity wait, is held for a moment only. What a part of the
transaction recorded is forgotten when that part is undone.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction

from . import outbox, ownership
from .outbox import Change

ReadChanges = Callable[[Iterable[Any]], Iterable[Change]]


@dataclass
class _Unit:
    owned: frozenset[str] = frozenset()
    changes: tuple[Change, ...] = ()
    touched: dict[ReadChanges, frozenset] = field(default_factory=dict)


_current: ContextVar[_Unit | None] = ContextVar("unit of writing", default=None)


@contextmanager
def writing(*entities: str) -> Iterator[None]:
    """A transaction, or a part of the one at hand, in which the shop owns these entities. Raises `NotOwner`."""
    unit = _current.get()
    if unit is not None:
        with _undoing(unit), transaction.atomic():
            _require(unit, entities)
            yield
        return
    unit = _Unit()
    token = _current.set(unit)
    try:
        with transaction.atomic():
            _require(unit, entities)
            yield
            outbox.write([*unit.changes, *(change for read, keys in unit.touched.items() for change in read(keys))])
    finally:
        _current.reset(token)


def record(kind_of_event: str, aggregate_id: object, version: int, state: dict[str, Any]) -> None:
    """Tells the services of a change: the aggregate's whole state after it. Only inside `writing`."""
    unit = _at_hand()
    unit.changes += (Change(kind_of_event, str(aggregate_id), version, state),)


def record_at_end(read: ReadChanges, keys: Iterable[Any]) -> None:
    """Like `record`, for what one transaction may change several times: `read(keys)` gives the changes, once."""
    unit = _at_hand()
    unit.touched[read] = unit.touched.get(read, frozenset()) | frozenset(keys)


def attach_answer(answer: dict[str, Any]) -> str | None:
    """Lets the first answer to a request travel with what was changed last; the id of that, if anything was."""
    unit = _at_hand()
    if not unit.changes:
        return None
    last = unit.changes[-1]
    unit.changes = (*unit.changes[:-1], replace(last, state={**last.state, "answer": answer}))
    return last.aggregate_id


def _at_hand() -> _Unit:
    unit = _current.get()
    if unit is None:
        raise RuntimeError("a change is recorded inside `writing` only")
    return unit


def _require(unit: _Unit, entities: Iterable[str]) -> None:
    ownership.require(set(entities) - unit.owned)
    unit.owned |= frozenset(entities)


@contextmanager
def _undoing(unit: _Unit) -> Iterator[None]:
    """With the database's savepoint go its locks, so ownership has to be asked for again."""
    owned, changes, touched = unit.owned, unit.changes, dict(unit.touched)
    try:
        yield
    except BaseException:
        unit.owned, unit.changes, unit.touched = owned, changes, touched
        raise
