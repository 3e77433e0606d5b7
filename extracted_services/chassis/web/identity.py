"""Who sends a request: the shop's bearer token, verified with the public keys of whoever issues tokens.

JWT, EdDSA over Ed25519 (RFC 8037). Nothing is asked of the issuer while a token's key is known, so that callers are
served while it is away. That an account was closed is seen when its token ends, 15 minutes later at the most.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from starlette.requests import Request

from extracted_services.chassis.web.headers import read_header
from extracted_services.chassis.web.problems import bad_token, no_token

ISSUER = "shop"
ALGORITHM = "EdDSA"
CUSTOMER, STAFF = "customer", "staff"
CLAIMS = ["iss", "sub", "roles", "iat", "exp", "jti"]
CLOCKS_DIFFER_BY = timedelta(seconds=5)
"""A token that was issued this moment by a clock before ours is not from the future."""


class Keys(Protocol):
    """The public keys of the issuer."""

    async def find(self, kid: str) -> Ed25519PublicKey | None:
        """None when the issuer has no such key. Raises KeysUnavailable when that cannot be told."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A customer's id, and what it may do."""

    subject: str
    roles: frozenset[str]

    @property
    def is_staff(self) -> bool:
        return STAFF in self.roles


async def authenticate(request: Request) -> Caller:
    """Who sends this request, by the application's keys. Raises Problem 401."""
    return await identify(read_header(request, "authorization"), request.app.state.keys)


async def identify(authorization: str | None, keys: Keys) -> Caller:
    """Who sends this `Authorization` header. Raises Problem 401."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise no_token()
    kid = _read_key_id(token.strip())
    key = None if kid is None else await keys.find(kid)
    if key is None:
        raise bad_token()
    try:
        return _read_caller(
            jwt.decode(
                token.strip(),
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                leeway=CLOCKS_DIFFER_BY,
                options={"require": CLAIMS},
            )
        )
    except (jwt.InvalidTokenError, ValueError):
        raise bad_token() from None


def _read_key_id(token: str) -> str | None:
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except (jwt.InvalidTokenError, ValueError):
        return None
    return kid if isinstance(kid, str) else None


def _read_caller(claims: dict[str, Any]) -> Caller:
    roles = claims["roles"]
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise ValueError("roles is a list of names")
    return Caller(str(UUID(claims["sub"])), frozenset(roles))
