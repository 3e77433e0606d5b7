"""What the tests of payments share: a processor whose every answer is decided, a clock, and things to charge."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from extracted_services.chassis.answers import Asked
from extracted_services.chassis.identifiers import uuid7
from extracted_services.payments.domain.charge import SERVICES, Terms, Verdict
from extracted_services.payments.entrypoints.representations import keep_answer
from extracted_services.payments.service_layer.ports import Book, NoAnswer
from extracted_services.payments.service_layer.till import Till

MORNING = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ALICE = UUID("019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b01")
NOBODYS = UUID("019ccb1e-5a00-7c3e-9d52-0f3e6f0a7bff")
GOOD, BAD = f"tok_{'a' * 32}_16_4242", f"tok_{'b' * 32}_16_0002"

ANSWERS, LOSES, IS_SILENT = "answers", "loses", "is silent"


def terms(order_id: UUID | None = None, card: str = GOOD, cents: int = 2980) -> Terms:
    return Terms(order_id or uuid4(), ALICE, cents, card)


def asked(key: str = "k", body: str = "a" * 64) -> Asked:
    return Asked(str(ALICE), "/api/payments", key, body)


def asked_by_service(key: str = "saga:charge", body: str = "a" * 64) -> Asked:
    return Asked(SERVICES, "/internal/charges", key, body)


@dataclass
class Clock:
    now: datetime = MORNING

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class ScriptedProcessor:
    """Does what a processor does, and answers as the script says; once that is at its end, it always answers.

    "answers", "loses" (acts, and the answer is lost), "is silent" (the request never arrives). `meanwhile` happens
    while its answer to a charge is on the way.
    """

    script: list[str] = field(default_factory=list)
    held: dict[UUID, int] = field(default_factory=dict)
    given_back: set[UUID] = field(default_factory=set)
    declined: set[UUID] = field(default_factory=set)
    transcript: list[str] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] | None = None

    def plays(self, script: Iterable[str]) -> None:
        self.script[:] = script

    async def tokenise(self, number: str) -> str:
        return f"tok_{'c' * 32}_{len(number)}_{number[-4:]}"

    async def charge(self, payment_id: UUID, terms: Terms) -> Verdict:
        manner = self._next("charge")
        if manner != IS_SILENT and payment_id not in {*self.held, *self.given_back, *self.declined}:
            if terms.card_reference.endswith("0002"):
                self.declined.add(payment_id)
            else:
                self.held[payment_id] = terms.amount_cents
        self._answer(manner)
        if self.meanwhile is not None:
            await self.meanwhile()
        if payment_id in self.given_back:
            return Verdict.BARRED
        return Verdict.DECLINED if payment_id in self.declined else Verdict.CAPTURED

    async def give_back(self, payment_id: UUID) -> None:
        manner = self._next("give back")
        if manner != IS_SILENT and payment_id not in self.declined:
            self.held.pop(payment_id, None)
            self.given_back.add(payment_id)
        self._answer(manner)

    def _next(self, what: str) -> str:
        manner = self.script.pop(0) if self.script else ANSWERS
        self.transcript.append(f"{what}: {manner}")
        return manner

    def _answer(self, manner: str) -> None:
        if manner != ANSWERS:
            raise NoAnswer(manner)


def open_till(book: Book, processor: ScriptedProcessor, clock: Clock) -> Till:
    async def pause(_seconds: float) -> None:
        """Nobody waits in a test."""

    return Till(book, processor, keep_answer, clock, uuid7, pause)
