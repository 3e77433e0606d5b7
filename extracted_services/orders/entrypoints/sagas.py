"""For whoever runs the shop: the sagas, by state, and a way to set a stuck one going again. Internal token."""

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from extracted_services.chassis.paging import NEWEST_FIRST
from extracted_services.chassis.web.app import Refusals
from extracted_services.chassis.web.parameters import Filter, read_list_request
from extracted_services.chassis.web.problems import conflict, not_found
from extracted_services.chassis.web.resource import internal, reply, resource
from extracted_services.orders.entrypoints.representations import show_page, show_saga
from extracted_services.orders.saga.states import State
from extracted_services.orders.service_layer.ports import Sagas
from extracted_services.orders.service_layer.watch import NotStuck, SagaBook, SagaUnknown, find_saga, resume_saga

BY_STATE = Filter(re.compile("|".join(State)), f"must be one of {', '.join(State)}")

REFUSALS: Refusals = {
    SagaUnknown: lambda _: not_found("saga with this id"),
    NotStuck: lambda refusal: conflict(str(refusal)[:1].upper() + str(refusal)[1:]),
}


def routes(book: SagaBook, sagas: Sagas) -> list[BaseRoute]:
    handlers = Handlers(book, sagas)
    return [
        resource("/internal/sagas", GET=internal(handlers.list_sagas)),
        resource("/internal/sagas/{saga_id:id}", GET=internal(handlers.get_saga)),
        resource("/internal/sagas/{saga_id:id}/resume", POST=internal(handlers.resume_saga)),
    ]


class Handlers:
    def __init__(self, book: SagaBook, sagas: Sagas) -> None:
        self._book = book
        self._sagas = sagas

    async def list_sagas(self, request: Request) -> Response:
        page, chosen = read_list_request(request.scope["query_string"], NEWEST_FIRST, state=BY_STATE)
        state = State(chosen["state"]) if "state" in chosen else None
        return reply(show_page(await self._book.list_in(state, page), show_saga))

    async def get_saga(self, request: Request) -> Response:
        return reply(show_saga(await find_saga(request.path_params["saga_id"], self._book)))

    async def resume_saga(self, request: Request) -> Response:
        resumed = await resume_saga(saga_id=request.path_params["saga_id"], book=self._book, sagas=self._sagas)
        return reply(show_saga(resumed))
