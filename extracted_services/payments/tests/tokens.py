"""Tokens as the monolith issues them, and a client that sends them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from extracted_services.payments.tests.shop import ALICE

STAFF = UUID("019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b02")

_KEY = Ed25519PrivateKey.generate()
JWKS = json.dumps({"keys": [{**OKPAlgorithm.to_jwk(_KEY.public_key(), as_dict=True), "kid": "k1"}]})


def issue(subject: UUID, *roles: str) -> str:
    now = datetime.now(UTC)
    claims = {"iss": "shop", "sub": str(subject), "roles": roles, "iat": now, "exp": now + timedelta(minutes=15)}
    return jwt.encode({**claims, "jti": str(uuid4())}, _KEY, algorithm="EdDSA", headers={"kid": "k1"})


ROLES: Mapping[str, tuple[UUID, tuple[str, ...]]] = {
    "staff": (STAFF, ("customer", "staff")),
    "alice": (ALICE, ("customer",)),
}


@dataclass(frozen=True)
class Client:
    """`who` is staff, alice, a service, or None."""

    http: httpx.AsyncClient
    internal_token: str

    async def get(self, target: str, who: str | None = "staff") -> httpx.Response:
        return await self.http.get(target, headers=self._headers(who, None))

    async def post(
        self, target: str, body: Any = None, who: str | None = "staff", key: str | None = None
    ) -> httpx.Response:
        if body is None:
            return await self.http.post(target, headers=self._headers(who, key))
        return await self.http.post(target, headers=self._headers(who, key), json=body)

    def _headers(self, who: str | None, key: str | None) -> dict[str, str]:
        headers = {} if key is None else {"Idempotency-Key": key}
        if who == "service":
            return {**headers, "Authorization": f"Bearer {self.internal_token}"}
        if who is not None:
            subject, roles = ROLES[who]
            return {**headers, "Authorization": f"Bearer {issue(subject, *roles)}"}
        return headers
