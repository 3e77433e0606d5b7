"""A payment as the contract shows it, and the answer to whoever asked for one."""

from typing import Any

from starlette.responses import Response

from extracted_services.chassis.answers import Answer, Asked
from extracted_services.chassis.encoding import show_money, show_time
from extracted_services.chassis.web.idempotency import replay
from extracted_services.chassis.web.problems import Problem
from extracted_services.chassis.web.resource import reply
from extracted_services.payments.domain.payment import Payment, Status


def show_payment(payment: Payment) -> dict[str, Any]:
    return {
        "id": str(payment.id),
        "order_id": str(payment.order_id),
        "status": payment.status.value,
        "amount": show_money(payment.amount_cents),
        "card_last4": payment.card_last4,
        "created_at": show_time(payment.created_at),
        "updated_at": show_time(payment.updated_at),
    }


def answer_charge(outcome: Payment | Answer) -> Response:
    """Raises Problem 402 for a payment that was declined just now."""
    if isinstance(outcome, Answer):
        return replay(outcome)
    if outcome.status is Status.DECLINED:
        raise _declined(outcome)
    return reply(show_payment(outcome), 201, _location(outcome))


def keep_answer(asked: Asked, payment: Payment) -> Answer:
    """What `answer_charge` says, to be said again."""
    if payment.status is Status.DECLINED:
        problem = _declined(payment)
        return asked.answered(problem.status, problem.document())
    return asked.answered(201, show_payment(payment), _location(payment))


def _declined(payment: Payment) -> Problem:
    return Problem("payment-declined", "The card was declined", references={"payment_id": str(payment.id)})


def _location(payment: Payment) -> str:
    return f"/api/payments/{payment.id}"
