"""Sagas as people see them: which there are, how each stands, and setting a stuck one going again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from extracted_services.chassis.paging import Page, PageRequest
from extracted_services.orders.saga.plan import Progress
from extracted_services.orders.saga.states import State
from extracted_services.orders.service_layer.ports import Begun, Sagas


@dataclass(frozen=True, slots=True)
class SagaRecord:
    """`step` is what it does next, or did last; `run` counts how often it was set going; `traceparent` is of whoever
    began it."""

    id: str
    name: str
    order_id: str
    state: State
    step: str | None
    progress: Progress
    next_try_at: datetime | None
    run: int
    traceparent: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def begun(self) -> Begun:
        return Begun(self.id, self.name, self.order_id, self.run, self.traceparent)


class SagaBook(Protocol):
    """Every saga, on the service's own database."""

    async def find(self, saga_id: str) -> SagaRecord | None: ...

    async def list_in(self, state: State | None, page: PageRequest) -> Page[SagaRecord]: ...

    async def resume(self, saga_id: str) -> SagaRecord | None:
        """Make a stuck saga one that is to be started. Raises ValueError for one that is not stuck."""

    async def count_stuck(self) -> int: ...

    async def find_overdue(self, before: datetime) -> Sequence[SagaRecord]:
        """Sagas that should have gone on before that moment."""


class SagaUnknown(Exception):
    """There is no saga with this id."""


class NotStuck(Exception):
    """The saga goes on by itself, or is at its end; str() says so."""


async def find_saga(saga_id: str, book: SagaBook) -> SagaRecord:
    """Raises SagaUnknown."""
    record = await book.find(saga_id)
    if record is None:
        raise SagaUnknown
    return record


async def resume_saga(*, saga_id: str, book: SagaBook, sagas: Sagas) -> SagaRecord:
    """The saga, going on where it stopped. Raises SagaUnknown, NotStuck."""
    try:
        record = await book.resume(saga_id)
    except ValueError as problem:
        raise NotStuck(str(problem)) from None
    if record is None:
        raise SagaUnknown
    await sagas.start(record.begun)
    return record
