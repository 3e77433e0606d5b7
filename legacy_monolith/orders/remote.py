"""The orders service, for the shop's own pages while that service writes orders.

The shop speaks for the customer who is logged in, with a token that lives for a minute. Every write carries a key, so
that it may be sent again when the answer was lost. What cannot be known is `Away`, never a refusal.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import httpx
from django.conf import settings

from legacy_monolith.accounts import tokens
from legacy_monolith.accounts.models import User
from legacy_monolith.config import log

from .services import Address

TOKEN_LIFETIME = timedelta(seconds=60)
TIMEOUT = httpx.Timeout(10, connect=2)  # the service waits up to two seconds for an order to be final


class Away(Exception):
    """It was not reached, or did not say what came of it: the same may be asked again."""


@dataclass(frozen=True)
class Placed:
    """It may be pending still."""

    order_id: UUID


@dataclass(frozen=True)
class Declined:
    """The card was."""


@dataclass(frozen=True)
class Refused:
    """Nothing was ordered; the reasons are sentences for the customer."""

    reasons: tuple[str, ...]


def place_order(
    user: User, *, key: str, quantities: Mapping[str, int], address: Address, card_number: str
) -> Placed | Declined | Refused:
    """Sends the order. Raises `Away`."""
    skus = list(quantities)
    body = {
        "lines": [{"sku": sku, "quantity": quantities[sku]} for sku in skus],
        "shipping_address": asdict(address),
        "card": {"number": card_number},
    }
    status, document = _ask(user, "POST", "/api/orders", body, {"Idempotency-Key": key})
    match status, document:
        case 201, {"id": str(order_id)}:
            return Placed(UUID(order_id))
        case 402, _:
            return Declined()
        case 409, {"type": "urn:shop:insufficient-stock", "errors": list(errors)}:
            return Refused(tuple(_about_line(error, skus) for error in errors))
        case 422, {"type": "urn:shop:idempotency-key-reused"}:
            return Refused(("This page was sent before, with other details. Please look at your orders first.",))
        case 422, {"errors": list(errors)}:
            return Refused(tuple(_about_line(error, skus) for error in errors))
    raise Away(f"it answered {status}")


def cancel_order(user: User, order_id: UUID) -> str | None:
    """Why it cannot be cancelled, as a sentence without its full stop; None when it is. Raises `Away`."""
    status, document = _ask(user, "POST", f"/api/orders/{order_id}/cancel")
    match status, document:
        case 200, _:
            return None
        case 404, _:
            return "There is no such order"
        case 409, {"type": "urn:shop:conflict", "detail": str(detail)}:
            return detail
    raise Away(f"it answered {status}")


def find_order(user: User, order_id: UUID) -> dict[str, Any] | None:
    """The order as the API shows it, if this user may see it. Raises `Away`."""
    status, document = _ask(user, "GET", f"/api/orders/{order_id}")
    if status == 200 and isinstance(document, dict):
        return document
    if status == 404:
        return None
    raise Away(f"it answered {status}")


def _about_line(error: Mapping[str, str], skus: list[str]) -> str:
    """`{"field": "lines[0].quantity", "message": "is more than …"}` as "MUG-0001: quantity is more than …."."""
    found = re.match(r"lines\[(\d+)\]\.?", error.get("field", ""))
    if found is None or int(found[1]) >= len(skus):
        return f"{error.get('field', '')} {error.get('message', '')}."
    return f"{skus[int(found[1])]}: {error['field'][found.end() :]} {error['message']}."


def _ask(
    user: User, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    sent = {"Authorization": f"Bearer {tokens.issue(user, lifetime=TOKEN_LIFETIME)}", **(headers or {})}
    if parent := log.traceparent.get():
        sent["traceparent"] = parent
    try:
        answer = _client(settings.SERVICE_URLS["orders"]).request(method, path, json=body, headers=sent)
        return answer.status_code, answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Away(type(error).__name__) from error


@cache
def _client(url: str) -> httpx.Client:
    """One for all threads; the environment's proxies are for the world outside."""
    return httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False)
