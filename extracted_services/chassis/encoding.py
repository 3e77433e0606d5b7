"""Values as the contract writes them, in answers and events alike: money with two decimals, times in UTC with
milliseconds, compact UTF-8 JSON. An amount is a number of cents inside.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

CURRENCY = "EUR"
"""The shop sells in one currency; an amount is a number of cents of it."""

AMOUNT = re.compile(r"(0|[1-9][0-9]{0,7})\.[0-9]{2}", re.ASCII)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", re.ASCII)


def encode(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def show_money(cents: int) -> dict[str, str]:
    return {"amount": f"{cents // 100}.{cents % 100:02d}", "currency": CURRENCY}


def read_money(money: Any) -> int:
    """Cents from `{"amount", "currency"}`. Raises ValueError."""
    match money:
        case {"amount": str(amount), "currency": currency} if currency == CURRENCY and AMOUNT.fullmatch(amount):
            return int(amount.replace(".", ""))
    raise ValueError("not an amount of money")


def show_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_time(text: str) -> datetime:
    """Raises ValueError."""
    if _TIME.fullmatch(text) is None:
        raise ValueError("not a UTC time with milliseconds")
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
