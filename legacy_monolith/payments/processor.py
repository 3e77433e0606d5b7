"""The card processor: a fake that never leaves this process, and declines every card whose number ends in 0002."""

from decimal import Decimal

DECLINED_ENDING = "0002"


def charge(card: str, amount: Decimal) -> bool:
    """Whether the card could be charged."""
    return not card.endswith(DECLINED_ENDING)
