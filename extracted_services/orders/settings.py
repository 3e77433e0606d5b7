"""What the environment says about an orders process."""

from collections.abc import Mapping
from dataclasses import dataclass

from extracted_services.chassis.settings import (
    INVENTORY_URL,
    PAYMENTS_URL,
    CommonSettings,
    Variable,
    common_variables,
    parse_seconds,
)
from extracted_services.chassis.settings import read_settings as read


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(CommonSettings):
    """Addresses and limits of one orders process. Times are in seconds."""

    payments_url: str
    inventory_url: str
    order_wait: float


VARIABLES: Mapping[str, Variable] = {
    **common_variables("orders", 8101),
    "PAYMENTS_URL": PAYMENTS_URL,
    "INVENTORY_URL": INVENTORY_URL,
    # Longer than an order needs while everything is well, shorter than a customer's patience.
    "ORDER_WAIT": Variable(
        "order_wait", "2", parse_seconds, "seconds an order is waited for before the answer is `pending`"
    ),
}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError with every bad variable."""
    return read(environment, VARIABLES, Settings)
