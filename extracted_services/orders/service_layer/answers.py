"""What a customer is answered about an order that was just placed: the same words, to the byte, as the monolith's."""

from collections.abc import Mapping, Sequence

from extracted_services.chassis.encoding import encode
from extracted_services.chassis.web.problems import FieldError, Problem, with_errors
from extracted_services.orders.domain.order import Order, Reason, Status, Told


def answer_of(order: Order, errors: Sequence[Mapping[str, str]] = ()) -> Told:
    """The answer that the order's state gives; `errors` says which lines stock is short for."""
    match order:
        case Order(status=Status.CANCELLED, reason=Reason.PAYMENT_DECLINED):
            declined = Problem("payment-declined", "The card was declined", references={"order_id": order.id})
            return _refusal(declined)
        case Order(status=Status.CANCELLED, reason=Reason.INSUFFICIENT_STOCK, is_draft=True):
            return _refusal(with_errors("insufficient-stock", [FieldError(**error) for error in errors]))
        case Order(status=Status.PENDING | Status.CANCELLED):
            return _placed(order, order.status)
        case _:  # a shipped order was confirmed when it was placed
            return _placed(order, Status.CONFIRMED)


def pending_answer(order: Order) -> Told:
    return _placed(order, Status.PENDING)


def _placed(order: Order, status: Status) -> Told:
    return Told(201, f"/api/orders/{order.id}", encode({"id": order.id, "status": status}).decode())


def _refusal(problem: Problem) -> Told:
    return Told(problem.status, None, encode(problem.document()).decode())


def unknown_products(errors: Sequence[Mapping[str, str]]) -> Told:
    """For products that went off sale while the order was placed."""
    return _refusal(with_errors("invalid-fields", [FieldError(**error) for error in errors]))
