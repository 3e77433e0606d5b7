"""What the environment says about an inventory process."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from extracted_services.chassis.settings import CommonSettings, Variable, common_variables, parse_seconds
from extracted_services.chassis.settings import read_settings as read


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(CommonSettings):
    """Addresses and limits of one inventory process. `legacy_timeout` is in seconds."""

    legacy_timeout: float
    reservation_ttl: timedelta


def parse_ttl(text: str) -> timedelta:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 7 * 24 * 3600:
        raise ValueError(f"{text!r} is not a number of seconds from 1 to 604800")
    return timedelta(seconds=seconds)


VARIABLES: Mapping[str, Variable] = {
    **common_variables("inventory", 8103),
    "LEGACY_TIMEOUT": Variable(
        "legacy_timeout", "10", parse_seconds, "seconds the monolith may be silent before a read is tried again"
    ),
    "RESERVATION_TTL": Variable(
        "reservation_ttl", "900", parse_ttl, "seconds that goods are held for an order nobody confirms or cancels"
    ),
}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError with every bad variable."""
    return read(environment, VARIABLES, Settings)
