"""How the tour tells of an event."""

from typing import Any

import pytest

from proxy.demo.fulfilment import describe

AMOUNT = {"amount": "12.30", "currency": "EUR"}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"order": {"status": "pending", "total": AMOUNT}}, "12.30 EUR, pending"),
        ({"payment": {"status": "captured", "amount": AMOUNT}}, "12.30 EUR, captured"),
        ({"reservation": {"status": "held", "lines": [{"quantity": 2}, {"quantity": 1}]}}, "3 pieces, held"),
        ({"level": {"sku": "FIG-1", "on_hand": 7, "reserved": 2}}, "FIG-1: 7 on hand, 2 promised"),
        ({"order_id": "1", "short": {}}, ""),
    ],
)
def test_an_event_is_told_in_a_few_words(data: dict[str, Any], told: str) -> None:
    assert describe(data) == told
