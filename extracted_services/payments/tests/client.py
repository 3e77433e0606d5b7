"""A client of the service, which sends the token of whoever it speaks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from extracted_services.payments.tests.shop import ALICE
from tests.support.tokens import issue

STAFF = UUID("019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b02")

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
            return {**headers, "Authorization": f"Bearer {issue(str(subject), *roles)}"}
        return headers
