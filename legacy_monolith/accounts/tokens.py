"""Bearer tokens of the JSON API: JWT, EdDSA over Ed25519 (RFC 8037), 15 minutes.

A token says who and which roles; the account must still exist and be active when it is used.
"""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings

from legacy_monolith.api import problems
from legacy_monolith.config.keys import read_or_make

from .models import User

ISSUER = "shop"
ALGORITHM = "EdDSA"
LIFETIME = timedelta(minutes=15)
CUSTOMER, STAFF = "customer", "staff"
CLAIMS = ["iss", "sub", "roles", "iat", "exp", "jti"]


@dataclass(frozen=True)
class Caller:
    user: User
    roles: frozenset[str]

    @property
    def is_staff(self) -> bool:
        return STAFF in self.roles


@dataclass(frozen=True)
class SigningKey:
    private: Ed25519PrivateKey
    x: str
    kid: str


def issue(user: User, *, now: datetime | None = None, lifetime: timedelta = LIFETIME) -> str:
    key = signing_key(settings.TOKEN_KEY_FILE)
    issued = now or datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "sub": str(user.public_id),
        "roles": [CUSTOMER, STAFF] if user.is_staff else [CUSTOMER],
        "iat": issued,
        "exp": issued + lifetime,
        "jti": str(uuid4()),
    }
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})


def authenticate(authorization: str | None) -> Caller:
    """Who sends this `Authorization` header; raises the problem 401 if that cannot be told."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise problems.unauthenticated(token_was_sent=False)
    public_key = signing_key(settings.TOKEN_KEY_FILE).private.public_key()
    try:
        claims = jwt.decode(
            token.strip(), public_key, algorithms=[ALGORITHM], issuer=ISSUER, options={"require": CLAIMS}
        )
        user = User.objects.filter(public_id=UUID(claims["sub"]), is_active=True).first()
    except (jwt.InvalidTokenError, ValueError):
        user = None
    if user is None:
        raise problems.unauthenticated(token_was_sent=True)
    return Caller(user, frozenset(claims["roles"]))


def jwks() -> dict:
    key = signing_key(settings.TOKEN_KEY_FILE)
    return {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": key.x, "kid": key.kid, "use": "sig", "alg": ALGORITHM}]}


@cache
def signing_key(file: Path) -> SigningKey:
    private = load_pem_private_key(read_or_make(file, _make_key), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise TypeError(f"{file} does not hold an Ed25519 key")
    x = _base64url(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    # The thumbprint of RFC 7638: the members in alphabetical order, without white space.
    thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    return SigningKey(private, x, _base64url(thumbprint))


def _make_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
