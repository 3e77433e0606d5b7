"""What the environment says about an inventory process."""

from collections.abc import Mapping
from dataclasses import dataclass

from extracted_services.chassis.settings import CommonSettings, Variable, common_variables, parse_seconds
from extracted_services.chassis.settings import read_settings as read


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(CommonSettings):
    """Addresses and limits of one inventory process. Times are in seconds."""

    legacy_timeout: float


VARIABLES: Mapping[str, Variable] = {
    **common_variables("inventory", 8103),
    "LEGACY_TIMEOUT": Variable(
        "legacy_timeout", "10", parse_seconds, "seconds the monolith may be silent before a read is tried again"
    ),
}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError with every bad variable."""
    return read(environment, VARIABLES, Settings)
