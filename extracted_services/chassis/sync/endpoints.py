"""The endpoints through which writes are moved between the sides, and their data is filled in and compared.

All need the internal token. A call that moves or imports does all of it or nothing, and may be repeated.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.sync import ownership
from extracted_services.chassis.sync.inbox import Inbox, cover, mark_imported
from extracted_services.chassis.sync.ownership import Behind, Immovable, NotOwner, StaleEpoch, Standing
from extracted_services.chassis.sync.status import read_status
from extracted_services.chassis.sync.tables import LEGACY
from extracted_services.chassis.web.bodies import read_json
from extracted_services.chassis.web.fields import Field, array, check, record, whole_number
from extracted_services.chassis.web.parameters import read_parameters
from extracted_services.chassis.web.problems import FieldError, Problem, conflict, invalid_fields, invalid_parameters
from extracted_services.chassis.web.resource import internal, reply, resource
from extracted_services.contracts.envelope import MOST_POSITION, SUBJECTS, BadEvent, Event, checksum, from_document

MOST_EVENTS = 200
MOST_IMPORT_BYTES = 16 * 1024 * 1024
MOST_CHECKSUMS = 1000
DEFAULT_CHECKSUMS = 500

REFUSALS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    NotOwner: lambda refusal: Problem("not-owner", str(refusal)),
    StaleEpoch: lambda refusal: Problem("stale-epoch", str(refusal)),
    Behind: lambda refusal: Problem("behind", str(refusal)),
    Immovable: lambda refusal: conflict(str(refusal)),
}
"""For the application of a service: which problems the refusals of this package are told as."""

Move = Callable[..., Awaitable[dict[str, Standing]]]
"""`fence` or `own`."""


def routes(engine: AsyncEngine, inbox: Inbox) -> list[BaseRoute]:
    endpoints = _Endpoints(engine, inbox)
    return [
        resource("/internal/sync", GET=internal(endpoints.show)),
        resource("/internal/sync/fence", POST=internal(endpoints.fence)),
        resource("/internal/sync/own", POST=internal(endpoints.own)),
        resource("/internal/sync/import", POST=internal(endpoints.take_import)),
        resource("/internal/sync/checksums", GET=internal(endpoints.show_checksums)),
    ]


@dataclass(frozen=True, slots=True)
class _Endpoints:
    engine: AsyncEngine
    inbox: Inbox

    async def show(self, _request: Request) -> Response:
        async with reading(self.engine) as connection:
            return reply({"entities": await read_status(connection, self.inbox.now())})

    async def fence(self, request: Request) -> Response:
        return await self._move(request, ownership.fence)

    async def own(self, request: Request) -> Response:
        return await self._move(request, ownership.own, heard=self._heard)

    async def _move(self, request: Request, move: Move, **optional: Field) -> Response:
        sent = await read_json(request)
        more = {name: field for name, field in optional.items() if isinstance(sent, dict) and name in sent}
        entities = array(self._entity, most=len(SUBJECTS))
        asked = check(sent, record(entities=entities, epoch=whole_number(1, MOST_POSITION), **more))
        async with writing(self.engine) as connection:
            moved = await move(
                connection, sorted(set(asked["entities"])), asked["epoch"], **{name: asked[name] for name in more}
            )
        return reply({"entities": {entity: asdict(standing) for entity, standing in moved.items()}})

    async def take_import(self, request: Request) -> Response:
        """`events` without positions, applied by the same rules as those of the bus.

        `complete` marks the end of a whole backfill, and `covers` (entity -> position), sent with it, says how far the
        monolith's events had come when it began: these are in it, whether the bus brings them or not.
        """
        sent = self._read_import(await read_json(request, most_bytes=MOST_IMPORT_BYTES))
        async with writing(self.engine) as connection:
            decisions = await self.inbox.take_all(connection, sent.events)
            for entity, position in sorted(sent.covers.items()):
                await cover(connection, entity, position)
            if sent.is_complete:
                await mark_imported(connection, self.inbox.entities, self.inbox.now())
        return reply({"decisions": decisions})

    async def show_checksums(self, request: Request) -> Response:
        asked = self._read_checksum_request(read_parameters(request.scope["query_string"]))
        async with reading(self.engine) as connection:
            found = await self.inbox.applier.page(connection, asked.kind, asked.after, asked.limit + 1)
        items = [
            {"id": name, "version": local.version, "checksum": checksum(local.data or {})}
            for name, local in found[: asked.limit]
        ]
        return reply({"items": items, "next": items[-1]["id"] if len(found) > asked.limit else None})

    def _entity(self, value: object, path: str, errors: list[FieldError]) -> Any:
        if isinstance(value, str) and value in self.inbox.entities:
            return value
        errors.append(FieldError(path, f"must be one of {', '.join(sorted(self.inbox.entities))}"))
        return None

    def _heard(self, value: object, path: str, errors: list[FieldError]) -> Any:
        if isinstance(value, dict) and all(self._covers(*item) for item in value.items()):
            return value
        errors.append(FieldError(path, "must be an object with a position for each entity"))
        return None

    def _read_import(self, document: object) -> "_Import":
        match document:
            case {"events": list(events), **others} if not others.keys() - {"covers", "complete"}:
                covers: Any = others.get("covers", {})
                is_complete: Any = others.get("complete", False)
            case _:
                raise invalid_fields([FieldError("body", "must be an object with events, covers and complete")])
        errors: list[FieldError] = []
        if len(events) > MOST_EVENTS:
            errors.append(FieldError("events", f"must be a list of at most {MOST_EVENTS} items"))
        if not isinstance(is_complete, bool):
            errors.append(FieldError("complete", "must be true or false"))
        if not isinstance(covers, dict) or not all(self._covers(*item) for item in covers.items()):
            errors.append(FieldError("covers", "must be an object with a position for each entity"))
        read = [self._read_event(event, f"events[{index}]", errors) for index, event in enumerate(events[:MOST_EVENTS])]
        if errors:
            raise invalid_fields(errors)
        return _Import([event for event in read if event is not None], covers, is_complete)

    def _covers(self, entity: str, position: Any) -> bool:
        is_number = isinstance(position, int) and not isinstance(position, bool)
        return entity in self.inbox.entities and is_number and 0 <= position <= MOST_POSITION

    def _read_event(self, document: object, path: str, errors: list[FieldError]) -> Event | None:
        try:
            event = from_document(document)
        except BadEvent as problem:
            errors.append(FieldError(path, str(problem)))
            return None
        if event.origin != LEGACY or event.position is not None or event.aggregate_type not in self.inbox.entities:
            errors.append(FieldError(path, "must be the monolith's, without a position, of an entity of this service"))
        return event

    def _read_checksum_request(self, values: Mapping[str, str]) -> "_ChecksumRequest":
        kinds = _kinds_of(values.get("entity", "")) if values.get("entity") in self.inbox.entities else ()
        kind = values.get("kind") or (kinds[0] if len(kinds) == 1 else "")
        limit = values.get("limit") or str(DEFAULT_CHECKSUMS)
        errors = []
        if not kinds:
            errors.append(FieldError("entity", f"must be one of {', '.join(sorted(self.inbox.entities))}"))
        elif kind not in kinds:
            errors.append(FieldError("kind", f"must be one of {', '.join(kinds)}"))
        if not (limit.isascii() and limit.isdigit() and len(limit) <= 4 and 1 <= int(limit) <= MOST_CHECKSUMS):
            errors.append(FieldError("limit", f"must be a whole number from 1 to {MOST_CHECKSUMS}"))
        if errors:
            raise invalid_parameters(errors)
        return _ChecksumRequest(kind, values.get("after", ""), int(limit))


@dataclass(frozen=True, slots=True)
class _Import:
    events: Sequence[Event]
    covers: Mapping[str, int]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class _ChecksumRequest:
    kind: str
    after: str
    limit: int


def _kinds_of(entity: str) -> tuple[str, ...]:
    return tuple(sorted({subject.kind for subject in SUBJECTS.values() if subject.entity == entity and subject.kind}))
