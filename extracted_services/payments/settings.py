"""What the environment says about a payments process."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from extracted_services.chassis.settings import CommonSettings, Variable, common_variables, parse_seconds
from extracted_services.chassis.settings import read_settings as read
from extracted_services.payments.adapters.processor.faults import Faults, parse_faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(CommonSettings):
    """Addresses and limits of one payments process."""

    processor_ledger: Path
    processor_faults: Faults
    settle_after: timedelta


VARIABLES: Mapping[str, Variable] = {
    **common_variables("payments", 8102),
    "PROCESSOR_LEDGER": Variable(
        "processor_ledger", "var/card-processor.db", Path, "the fake card processor's own file, which outlives ours"
    ),
    "PROCESSOR_FAULTS": Variable(
        "processor_faults",
        "",
        parse_faults,
        "how it misbehaves, such as decline=0.1,timeout=0.1,duplicate=0.05,delay=0.2,seed=7",
    ),
    "SETTLE_AFTER": Variable(
        "settle_after",
        "20",
        lambda text: timedelta(seconds=parse_seconds(text)),
        "seconds after which a charge that its request did not finish is brought to an end",
    ),
}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError with every bad variable."""
    return read(environment, VARIABLES, Settings)
