"""A client of the service that says who it is, and what it asks for again and again."""

from dataclasses import dataclass
from typing import Any

import httpx

from extracted_services.chassis.identifiers import uuid7
from tests.support.tokens import issue

INTERNAL_TOKEN = "the-token-of-the-shops-processes"
ALICE, BOB, STAFF = (f"019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b0{digit}" for digit in (1, 2, 9))
ROLES = {
    "alice": (ALICE, ["customer"]),
    "bob": (BOB, ["customer"]),
    "staff": (STAFF, ["customer", "staff"]),
}


@dataclass(frozen=True)
class Client:
    """`who` is alice, bob, staff, "internal" for one of the shop's processes, or None without a token."""

    http: httpx.AsyncClient

    async def get(self, target: str, who: str | None = "staff") -> httpx.Response:
        return await self.http.get(target, headers=_headers(who, None))

    async def post(
        self, target: str, body: Any = None, who: str | None = "staff", key: str | None = None
    ) -> httpx.Response:
        sent = {} if body is None else {"json": body}
        return await self.http.post(target, headers=_headers(who, key), **sent)

    async def reserve(self, lines: dict[str, int], key: str | None = None, **more: Any) -> httpx.Response:
        """As staff, for a new order unless `order_id` is given."""
        return await self.post("/api/reservations", body_of(lines, **more), key=key)

    async def hold(self, lines: dict[str, int], key: str | None = None, **more: Any) -> httpx.Response:
        """As the saga of an order of Alice's does."""
        body = body_of(lines, **({"customer": ALICE} | more))
        return await self.post("/internal/reservations", body, "internal", key)


def body_of(lines: dict[str, int], **more: Any) -> dict[str, Any]:
    wanted = [{"sku": sku, "quantity": quantity} for sku, quantity in lines.items()]
    return {"order_id": str(uuid7()), "lines": wanted} | more


def _headers(who: str | None, key: str | None) -> dict[str, str]:
    headers = {} if key is None else {"Idempotency-Key": key}
    if who == "internal":
        return headers | {"Authorization": f"Bearer {INTERNAL_TOKEN}"}
    if who is not None:
        subject, roles = ROLES[who]
        return headers | {"Authorization": f"Bearer {issue(subject, *roles)}"}
    return headers
