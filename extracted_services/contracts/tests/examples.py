"""One valid event of every type."""

from datetime import UTC, datetime
from typing import Any

from extracted_services.contracts.envelope import SUBJECTS, Event

ID = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11"
OTHER_ID = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b12"
CUSTOMER = "019ccb1e-0000-7000-8000-0f3e6f0a7b99"
TIME = "2026-03-01T09:30:00.000Z"
MONEY = {"amount": "29.80", "currency": "EUR"}
ANSWER = {
    "customer": CUSTOMER,
    "path": "/api/orders",
    "key": "a-key",
    "body_hash": "0f" * 32,
    "status": 201,
    "location": f"/api/orders/{ID}",
    "body": '{"id":"…","status":"confirmed"}',
}
ORDER = {
    "id": ID,
    "customer": CUSTOMER,
    "status": "confirmed",
    "reason": None,
    "lines": [{"sku": "MUG-0001", "name": "Stoneware mug, “slate”", "quantity": 2, "unit_price": MONEY}],
    "total": MONEY,
    "shipping_address": {"name": "A", "street": "B", "postcode": "1050", "city": "København", "country": "DK"},
    "created_at": TIME,
    "updated_at": TIME,
}
PAYMENT = {
    "id": ID,
    "order_id": OTHER_ID,
    "customer": CUSTOMER,
    "status": "captured",
    "amount": MONEY,
    "card_last4": "4242",
    "created_at": TIME,
    "updated_at": TIME,
}
RESERVATION = {
    "id": ID,
    "order_id": OTHER_ID,
    "customer": CUSTOMER,
    "status": "held",
    "lines": [{"sku": "MUG-0001", "quantity": 2}],
    "expires_at": None,
    "created_at": TIME,
    "updated_at": TIME,
}
PRODUCT = {
    "sku": "MUG-0001",
    "name": "Stoneware mug, slate",
    "description": "Thrown by hand.",
    "category": {"slug": "kitchen", "name": "Kitchen"},
    "price": MONEY,
    "tags": ["handmade"],
    "image": None,
    "updated_at": TIME,
}
_DATA: dict[str, dict[str, Any]] = {
    "order": {
        "order": ORDER,
        "history": [{"status": "pending", "at": TIME}, {"status": "confirmed", "at": TIME}],
        "card_reference": f"tok_{'a' * 32}_16_4242",
        "answer": ANSWER,
    },
    "payment": {"payment": PAYMENT, "answer": None},
    "level": {"level": {"sku": "MUG-0001", "on_hand": 42, "reserved": 3, "updated_at": TIME}},
    "reservation": {"reservation": RESERVATION, "answer": None},
    "product": {"product": PRODUCT},
}


def make_event(type: str = "OrderConfirmed", **changed: Any) -> Event:  # noqa: A002 - the field's name
    subject = SUBJECTS[type]
    data: Any = _DATA.get(subject.kind or "", {"order_id": ID, "short": {"MUG-0001": 1}})
    if type == "ProductRemoved":
        data = {"sku": "MUG-0001"}
    named: Any = data
    for step in subject.name_at:
        named = named[step]
    fields: dict[str, Any] = {
        "id": OTHER_ID,
        "type": type,
        "schema_version": 1,
        "aggregate_type": subject.entity,
        "aggregate_id": named,
        "aggregate_version": 0 if subject.kind is None else 3,
        "occurred_at": datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        "origin": "legacy",
        "position": 7,
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
        "data": data,
    }
    return Event(**(fields | changed))
