"""How each refusal of the use cases is told."""

from extracted_services.chassis.web.app import Refusals
from extracted_services.chassis.web.problems import conflict, not_found, unavailable
from extracted_services.payments.domain.payment import NothingToRefund
from extracted_services.payments.service_layer.charging import NotCharged, OutcomeUnknown, TakenBack, Withdrawn
from extracted_services.payments.service_layer.readiness import NotFilled
from extracted_services.payments.service_layer.refunding import NoSuchPayment

REFUSALS: Refusals = {
    NothingToRefund: lambda _: conflict("A declined payment cannot be refunded"),
    NoSuchPayment: lambda _: not_found("payment with this id"),
    TakenBack: lambda _: conflict("What this Idempotency-Key would charge was taken back"),
    Withdrawn: lambda _: unavailable(),
    OutcomeUnknown: lambda _: unavailable(
        "The card processor does not answer; ask again with the same Idempotency-Key"
    ),
    NotCharged: lambda _: unavailable("The card processor does not answer; nothing was charged"),
    NotFilled: lambda _: unavailable("The payments have not been copied yet"),
}
