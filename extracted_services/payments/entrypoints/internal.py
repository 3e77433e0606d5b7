"""What the shop's other services ask for: a card's token, a charge for an order, money given back.

Every charge carries an Idempotency-Key, so that it can be repeated until its outcome is known.
"""

import re
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from extracted_services.chassis.answers import Asked
from extracted_services.chassis.paging import ID_FORM
from extracted_services.chassis.web import fields
from extracted_services.chassis.web.bodies import read_json
from extracted_services.chassis.web.idempotency import HEADER, read_asked
from extracted_services.chassis.web.parameters import read_parameters
from extracted_services.chassis.web.problems import FieldError, invalid_parameters
from extracted_services.chassis.web.resource import internal, reply, resource
from extracted_services.payments.domain.card import REFERENCE_FORM, last_digits
from extracted_services.payments.domain.charge import SERVICES, Terms
from extracted_services.payments.entrypoints.representations import answer_charge, show_payment
from extracted_services.payments.service_layer.charging import charge_card
from extracted_services.payments.service_layer.ports import Register
from extracted_services.payments.service_layer.refunding import refund_payment, take_back
from extracted_services.payments.service_layer.till import Till

CHARGES = "/internal/charges"
NEW_CHARGE = fields.record(
    order_id=fields.uuid,
    customer=fields.uuid,
    amount=fields.money,
    card_reference=fields.pattern(REFERENCE_FORM, "a card reference", most=64),
)
CHARGE_KEY = fields.record(key=fields.pattern(re.compile(r"[!-~]{1,255}"), "an Idempotency-Key", most=255))


def routes(till: Till, register: Register) -> list[BaseRoute]:
    charges = _Charges(till, register)
    return [
        resource("/internal/cards", POST=internal(charges.take_card)),
        resource(CHARGES, GET=internal(charges.list_of_order), POST=internal(charges.create)),
        resource(f"{CHARGES}/refund", POST=internal(charges.take_back)),
        resource(f"{CHARGES}/{{payment_id:id}}/refund", POST=internal(charges.refund)),
    ]


@dataclass(frozen=True, slots=True)
class _Charges:
    till: Till
    register: Register

    async def take_card(self, request: Request) -> Response:
        """The number goes to the processor, and nowhere else."""
        card = fields.check(await read_json(request), fields.card)
        reference = await self.till.processor.tokenise(card["number"])
        return reply({"reference": reference, "last4": last_digits(reference)}, 201)

    async def list_of_order(self, request: Request) -> Response:
        """Payments of an order, oldest first; there are a few at most."""
        order_id = read_parameters(request.scope["query_string"]).get("order_id", "")
        if ID_FORM.fullmatch(order_id) is None:
            raise invalid_parameters([FieldError("order_id", "must be a UUID")])
        return reply({"items": [show_payment(payment) for payment in await self.register.list_of_order(order_id)]})

    async def create(self, request: Request) -> Response:
        document = await read_json(request)
        asked = read_asked(request, SERVICES, document)
        if asked is None:
            raise invalid_parameters([FieldError(HEADER, "is required")])
        wanted = fields.check(document, NEW_CHARGE)
        terms = Terms(
            order_id=UUID(wanted["order_id"]),
            customer=UUID(wanted["customer"]),
            amount_cents=wanted["amount"],
            card_reference=wanted["card_reference"],
        )
        return answer_charge(await charge_card(till=self.till, terms=terms, asked=asked))

    async def refund(self, request: Request) -> Response:
        payment_id = UUID(request.path_params["payment_id"])
        return reply(show_payment(await refund_payment(till=self.till, payment_id=payment_id)))

    async def take_back(self, request: Request) -> Response:
        """Refund by the key of the charge, for whoever never learned what became of it."""
        key = fields.check(await read_json(request), CHARGE_KEY)["key"]
        payment = await take_back(till=self.till, asked=Asked(SERVICES, CHARGES, key, ""))
        return reply({"payment": None if payment is None else show_payment(payment)})
