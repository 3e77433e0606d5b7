"""The paths of the shop's API that this service takes over: payments.

Each is answered exactly as the monolith answers it, headers and wording of errors included.
"""

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from extracted_services.chassis.paging import NEWEST_FIRST
from extracted_services.chassis.web import fields
from extracted_services.chassis.web.bodies import read_json
from extracted_services.chassis.web.idempotency import read_asked
from extracted_services.chassis.web.identity import Caller
from extracted_services.chassis.web.parameters import BY_ORDER, read_list_request
from extracted_services.chassis.web.problems import not_found
from extracted_services.chassis.web.resource import customer, reply, resource, staff
from extracted_services.payments.domain.charge import Terms
from extracted_services.payments.domain.payment import Payment
from extracted_services.payments.entrypoints.representations import answer_charge, show_payment
from extracted_services.payments.service_layer.charging import charge_card
from extracted_services.payments.service_layer.ports import Register
from extracted_services.payments.service_layer.readiness import Gate
from extracted_services.payments.service_layer.refunding import refund_payment
from extracted_services.payments.service_layer.till import Till

NEW_PAYMENT = fields.record(order_id=fields.uuid, amount=fields.money, card=fields.card)


def routes(till: Till, register: Register, gate: Gate) -> list[BaseRoute]:
    payments = _Payments(till, register, gate)
    return [
        resource("/api/payments", GET=customer(payments.list), POST=staff(payments.create)),
        resource("/api/payments/{payment_id:id}", GET=customer(payments.get)),
        resource("/api/payments/{payment_id:id}/refund", POST=staff(payments.refund)),
    ]


@dataclass(frozen=True, slots=True)
class _Payments:
    till: Till
    register: Register
    gate: Gate

    async def list(self, request: Request, caller: Caller) -> Response:
        page, chosen = read_list_request(request.scope["query_string"], NEWEST_FIRST, order_id=BY_ORDER)
        await self.gate.require_filled()
        found = await self.register.list_payments(page, customer=_whose(caller), order_id=chosen.get("order_id"))
        shown = found.map(show_payment)
        return reply({"items": shown.items, "next": shown.next})

    async def create(self, request: Request, caller: Caller) -> Response:
        document = await read_json(request)
        asked = read_asked(request, caller.subject, document)
        wanted = fields.check(document, NEW_PAYMENT)
        terms = Terms(
            order_id=UUID(wanted["order_id"]),
            customer=UUID(caller.subject),
            amount_cents=wanted["amount"],
            card_reference=await self.till.processor.tokenise(wanted["card"]["number"]),
        )
        return answer_charge(await charge_card(till=self.till, terms=terms, asked=asked))

    async def get(self, request: Request, caller: Caller) -> Response:
        return reply(show_payment(await self._find(request, caller)))

    async def refund(self, request: Request, caller: Caller) -> Response:
        payment = await self._find(request, caller)
        return reply(show_payment(await refund_payment(till=self.till, payment_id=payment.id)))

    async def _find(self, request: Request, caller: Caller) -> Payment:
        await self.gate.require_filled()
        payment_id = UUID(request.path_params["payment_id"])
        payment = await self.register.find_payment(payment_id, customer=_whose(caller))
        if payment is None:
            raise not_found("payment with this id")
        return payment


def _whose(caller: Caller) -> str | None:
    """Staff see everyone's."""
    return None if caller.is_staff else caller.subject
