"""A small service: notes, that anyone reads, customers write, and staff and other processes remove."""

from collections.abc import AsyncIterator

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from extracted_services.chassis.database import DatabaseUnavailable
from extracted_services.chassis.keys import parse_keys
from extracted_services.chassis.web.app import create_app
from extracted_services.chassis.web.bodies import read_json
from extracted_services.chassis.web.idempotency import read_asked
from extracted_services.chassis.web.identity import Caller
from extracted_services.chassis.web.problems import conflict
from extracted_services.chassis.web.resource import customer, internal, public, reply, resource, staff
from tests.support.tokens import JWKS

INTERNAL_TOKEN = "of-the-shops-processes"
OWN_KEY, OWN_KEY_ID = Ed25519PrivateKey.generate(), "of-these-tests"


class KnownKeys:
    """An issuer's keys in memory."""

    async def find(self, kid: str) -> Ed25519PublicKey | None:
        return OWN_KEY.public_key() if kid == OWN_KEY_ID else parse_keys(JWKS).get(kid)


class Locked(Exception):
    pass


async def list_notes(_request: Request) -> Response:
    return reply({"items": [], "next": None})


async def add_note(request: Request, caller: Caller) -> Response:
    document = await read_json(request)
    asked = read_asked(request, caller.subject, document)
    told = {"note": document, "by": caller.subject, "key": asked.key if asked else None}
    return reply(told, 201, "/api/notes/1")


async def get_note(request: Request) -> Response:
    return reply({"id": request.path_params["note_id"]})


async def remove_note(_request: Request, caller: Caller) -> Response:
    return reply({"by_staff": caller.is_staff})


async def lock_note(_request: Request) -> Response:
    raise Locked("a note")


async def lose_database(_request: Request) -> Response:
    raise DatabaseUnavailable("connection refused")


@pytest.fixture
def app() -> Starlette:
    return create_app(
        [
            resource("/api/notes", GET=public(list_notes), POST=customer(add_note)),
            resource("/api/notes/{note_id:id}", GET=public(get_note), POST=staff(remove_note)),
            resource("/internal/locks", POST=internal(lock_note)),
            resource("/api/lost", GET=public(lose_database)),
        ],
        checks={},
        tags=("products",),
        keys=KnownKeys(),
        internal_token=INTERNAL_TOKEN,
        refusals={Locked: lambda refusal: conflict(f"There is a lock on {refusal}")},
    )


@pytest.fixture
async def api(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notes.test") as client:
        yield client
