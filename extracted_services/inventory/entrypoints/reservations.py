"""Reservations over HTTP: the shop's API for customers and staff, and `/internal/` for the shop's other processes.

The public paths are answered exactly as the monolith answers them. Internal callers reserve for a customer, and what
they hold expires; otherwise both are the same.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from extracted_services.chassis.answers import Answer, Asked
from extracted_services.chassis.identifiers import uuid7
from extracted_services.chassis.paging import NEWEST_FIRST, PageRequest
from extracted_services.chassis.web import fields
from extracted_services.chassis.web.bodies import read_json
from extracted_services.chassis.web.idempotency import read_asked, replay
from extracted_services.chassis.web.identity import Caller
from extracted_services.chassis.web.parameters import BY_ORDER, read_list_request
from extracted_services.chassis.web.problems import (
    FieldError,
    Problem,
    conflict,
    invalid_fields,
    not_found,
    unavailable,
    with_errors,
)
from extracted_services.chassis.web.resource import customer, internal, reply, resource, staff
from extracted_services.inventory.domain.reservations import Line, ReservationReleased, Shortage
from extracted_services.inventory.entrypoints.representations import show_page, show_reservation
from extracted_services.inventory.service_layer import stock
from extracted_services.inventory.service_layer.ports import Reservations
from extracted_services.inventory.service_layer.readiness import Gate

NEW_RESERVATION = fields.record(order_id=fields.uuid, lines=fields.lines)
NEW_RESERVATION_FOR = fields.record(order_id=fields.uuid, customer=fields.uuid, lines=fields.lines)
MOST_OF_AN_ORDER = 100

REFUSALS: dict[type[Exception], Callable[[Any], Problem]] = {
    stock.NoSuchReservation: lambda _: not_found("reservation with this id"),
    ReservationReleased: lambda _: conflict("A released reservation cannot be committed"),
}


class Desk(stock.Warehouse, Protocol):
    """A warehouse that also keeps first answers in its transaction."""

    async def claim(self, asked: Asked) -> Answer | None: ...

    async def keep(self, answer: Answer) -> None: ...


OpenDesk = Callable[[], AbstractAsyncContextManager[Desk]]


@dataclass(frozen=True, slots=True)
class ReservationEndpoints:
    """`hold_for` is how long internal callers may hold goods; `now` is aware, in whole milliseconds."""

    open_desk: OpenDesk
    reservations: Reservations
    gate: Gate
    hold_for: timedelta
    now: Callable[[], datetime]

    def routes(self) -> list[BaseRoute]:
        one = "/reservations/{reservation_id:id}"
        return [
            resource("/api/reservations", GET=customer(self.list_seen), POST=staff(self.create)),
            resource(f"/api{one}", GET=customer(self.get)),
            resource(f"/api{one}/commit", POST=staff(self.commit_by_staff)),
            resource(f"/api{one}/release", POST=staff(self.release_by_staff)),
            resource("/internal/reservations", GET=internal(self.list_of_order), POST=internal(self.create_for)),
            resource(f"/internal{one}/commit", POST=internal(self.commit)),
            resource(f"/internal{one}/release", POST=internal(self.release)),
        ]

    async def list_seen(self, request: Request, caller: Caller) -> Response:
        page, chosen = read_list_request(request.scope["query_string"], NEWEST_FIRST, order_id=BY_ORDER)
        await self._require_imported()
        found = await self.reservations.list_newest(page, customer=_seen_by(caller), order_id=chosen.get("order_id"))
        return reply(show_page(found, show_reservation))

    async def get(self, request: Request, caller: Caller) -> Response:
        await self._require_imported()
        found = await self.reservations.find(request.path_params["reservation_id"], customer=_seen_by(caller))
        if found is None:
            raise stock.NoSuchReservation
        return reply(show_reservation(found))

    async def create(self, request: Request, caller: Caller) -> Response:
        document = await read_json(request)
        asked = read_asked(request, caller.subject, document)
        wanted = fields.check(document, NEW_RESERVATION)
        return await self._reserve(asked, caller.subject, wanted, None)

    async def create_for(self, request: Request) -> Response:
        document = await read_json(request)
        asked = read_asked(request, "", document)
        wanted = fields.check(document, NEW_RESERVATION_FOR)
        return await self._reserve(_asked_for(asked, wanted["customer"]), wanted["customer"], wanted, self.hold_for)

    async def commit_by_staff(self, request: Request, _caller: Caller) -> Response:
        return await self.commit(request)

    async def release_by_staff(self, request: Request, _caller: Caller) -> Response:
        return await self.release(request)

    async def commit(self, request: Request) -> Response:
        async with self.open_desk() as desk:
            found = await stock.commit(desk, reservation_id=request.path_params["reservation_id"], now=self.now())
        return reply(show_reservation(found))

    async def release(self, request: Request) -> Response:
        async with self.open_desk() as desk:
            found = await stock.release(desk, reservation_id=request.path_params["reservation_id"], now=self.now())
        return reply(show_reservation(found))

    async def list_of_order(self, request: Request) -> Response:
        """All of an order's reservations, newest first."""
        _, chosen = read_list_request(request.scope["query_string"], NEWEST_FIRST, order_id=BY_ORDER)
        order_id = chosen.get("order_id")
        if order_id is None:
            raise with_errors("invalid-parameter", [FieldError("order_id", BY_ORDER.message)])
        await self._require_imported()
        page = PageRequest("", MOST_OF_AN_ORDER)
        found = await self.reservations.list_newest(page, customer=None, order_id=order_id)
        return reply({"items": [show_reservation(item) for item in found.items]})

    async def _reserve(
        self, asked: Asked | None, for_customer: str, wanted: dict[str, Any], hold_for: timedelta | None
    ) -> Response:
        """Once for a request with a key: its row, the goods and the answer are one transaction."""
        lines = [Line(line["sku"], line["quantity"]) for line in wanted["lines"]]
        async with self.open_desk() as desk:
            kept = None if asked is None else await desk.claim(asked)
            if kept is not None:
                return replay(kept)
            try:
                outcome = await stock.reserve(
                    desk,
                    reservation_id=str(uuid7()),
                    order_id=wanted["order_id"],
                    customer=for_customer,
                    lines=lines,
                    hold_for=hold_for,
                    now=self.now(),
                )
            except stock.UnknownProducts as unknown:
                raise unknown_products(unknown, lines) from None
            if isinstance(outcome, Shortage):
                problem = insufficient_stock(outcome, lines)
                if asked is not None:
                    await desk.keep(asked.answered(problem.status, problem.document()))
                return problem.response()
            document, location = show_reservation(outcome), f"/api/reservations/{outcome.id}"
            if asked is not None:
                await desk.keep(asked.answered(201, document, location))
        return reply(document, 201, location)

    async def _require_imported(self) -> None:
        """A list without the monolith's reservations would be a wrong answer."""
        if not await self.gate.is_imported():
            raise unavailable("The reservations have not been imported yet")


def unknown_products(unknown: stock.UnknownProducts, lines: list[Line]) -> Problem:
    return invalid_fields(
        [
            FieldError(f"lines[{index}].sku", "is not the SKU of a product")
            for index, line in enumerate(lines)
            if line.sku in unknown.skus
        ]
    )


def insufficient_stock(short: Shortage, lines: list[Line]) -> Problem:
    errors = [
        FieldError(f"lines[{index}].quantity", f"is more than the {short.available[line.sku]} available")
        for index, line in enumerate(lines)
        if line.sku in short.available
    ]
    return with_errors("insufficient-stock", errors)


def _seen_by(caller: Caller) -> str | None:
    return None if caller.is_staff else caller.subject


def _asked_for(asked: Asked | None, for_customer: str) -> Asked | None:
    return None if asked is None else Asked(for_customer, asked.path, asked.key, asked.body_hash)
