"""JSON as the contract writes it: compact, UTF-8, money with two decimals, times in UTC with milliseconds."""

import json
from datetime import UTC, datetime
from decimal import Decimal

CURRENCY = "EUR"


def encode(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def money(amount: Decimal) -> dict[str, str]:
    return {"amount": f"{amount:.2f}", "currency": CURRENCY}


def time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
