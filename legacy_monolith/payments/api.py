from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from legacy_monolith.accounts.tokens import Caller
from legacy_monolith.api import fields, idempotency, problems
from legacy_monolith.api.endpoint import Reply
from legacy_monolith.api.paging import BY_ORDER, NEWEST_FIRST, page

from . import selectors, services
from .models import Payment
from .representations import show

NEW_PAYMENT = fields.record(order_id=fields.uuid, amount=fields.money, card=fields.card)


def list_payments(request: HttpRequest, caller: Caller) -> Reply:
    return Reply(page(request, selectors.payments_seen_by(caller), NEWEST_FIRST, show, order_id=BY_ORDER))


def create_payment(request: HttpRequest, caller: Caller) -> Reply:
    document = fields.read_json(request)
    key = idempotency.read_key(request)
    wanted = fields.check(document, NEW_PAYMENT)

    def act() -> Reply:
        payment = services.charge(
            order_id=UUID(wanted["order_id"]),
            customer=caller.user,
            amount=wanted["amount"],
            card=wanted["card"]["number"],
        )
        if payment.status == Payment.Status.DECLINED:
            references = {"payment_id": payment.public_id}
            raise problems.Problem("payment-declined", "The card was declined", references=references)
        return Reply(show(payment), 201, {"Location": reverse("api:payment", args=[payment.public_id])})

    return idempotency.once(key=key, customer=caller.user, path=request.path, body=document, act=act)


def get_payment(request: HttpRequest, caller: Caller, payment_id: UUID) -> Reply:
    return Reply(show(_find(caller, payment_id)))


def refund_payment(request: HttpRequest, caller: Caller, payment_id: UUID) -> Reply:
    try:
        return Reply(show(services.refund(payment=_find(caller, payment_id))))
    except services.NothingToRefundError:
        raise problems.Problem("conflict", "A declined payment cannot be refunded") from None


def _find(caller: Caller, payment_id: UUID) -> Payment:
    payment = selectors.payments_seen_by(caller).filter(public_id=payment_id).first()
    if payment is None:
        raise problems.not_found("payment with this id")
    return payment
