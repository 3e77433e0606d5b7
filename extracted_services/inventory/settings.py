"""What the environment says about this process, checked whole before anything starts.

Every problem is found at once and told in the words of the variable that caused it. A value that may
hold a password (a database URL) is never repeated in a message.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

# What a person writes, and the driver we answer it with: the engine is asynchronous, so a plain
# `postgresql://` taken from another tool's configuration must not pick a blocking driver.
DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsError(ValueError):
    """The environment cannot be used; `problems` has one line for each variable that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses and limits of one inventory process. Times are in seconds; URLs end without a slash."""

    host: str
    port: int
    database: URL
    legacy_url: str
    legacy_timeout: float
    shutdown_timeout: int
    log_level: str


class Variable(NamedTuple):
    """One environment variable: the setting it fills, its default, how it is read, and what it means."""

    setting: str
    default: str
    parse: Callable[[str], Any]
    meaning: str


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from environment variables; one that is unset or empty means its default.

    Raises SettingsError with every bad variable.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, variable in VARIABLES.items():
        try:
            values[variable.setting] = variable.parse(environment.get(name) or variable.default)
        except ValueError as problem:
            problems.append(f"{name}: {problem}")
    if problems:
        raise SettingsError(problems)
    return Settings(**values)


def _parse_host(text: str) -> str:
    if any(character.isspace() or character == "/" for character in text):
        raise ValueError(f"{text!r} is not a host name or address (example: 127.0.0.1)")
    return text.removeprefix("[").removesuffix("]")


def _parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 65536):
        raise ValueError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _parse_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise ValueError(f"{text!r} is not a number of seconds above 0 and at most 3600")
    return seconds


def _parse_whole_seconds(text: str) -> int:
    return max(1, round(_parse_seconds(text)))


def _parse_level(text: str) -> str:
    level = text.upper()
    if level not in LOG_LEVELS:
        raise ValueError(f"{text!r} is not one of {', '.join(LOG_LEVELS)}")
    return level


def _parse_url(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("this is not a URL") from None


def _parse_http_url(text: str) -> str:
    url = _parse_url(text)
    if url.drivername not in ("http", "https") or not url.host:
        raise ValueError("must be an http:// or https:// URL (example: http://127.0.0.1:8000)")
    if url.username or url.password or "?" in text or "#" in text:
        raise ValueError("must be without user, password, query and fragment")
    return text.rstrip("/")


def _parse_database(text: str) -> URL:
    url = _parse_url(text)
    driver = DRIVERS.get(url.drivername)
    if driver is None:
        raise ValueError(f"{url.drivername}:// is not supported; use sqlite:// or postgresql://")
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("must name a file, or the database would be empty at every start")
    return url.set(drivername=driver)


VARIABLES: Mapping[str, Variable] = {
    "HOST": Variable("host", "127.0.0.1", _parse_host, "address to listen on"),
    "PORT": Variable("port", "8103", _parse_port, "port to listen on; 0 takes a free one and logs it"),
    "DATABASE_URL": Variable(
        "database",
        "sqlite:///var/inventory.db",
        _parse_database,
        "this service's own database: sqlite:// or postgresql://",
    ),
    "LEGACY_URL": Variable(
        "legacy_url", "http://127.0.0.1:8000", _parse_http_url, "where backfill reads the monolith's API"
    ),
    "LEGACY_TIMEOUT": Variable(
        "legacy_timeout", "10", _parse_seconds, "seconds the monolith may be silent before a read is tried again"
    ),
    "SHUTDOWN_TIMEOUT": Variable(
        "shutdown_timeout", "30", _parse_whole_seconds, "seconds that requests under way are given at a stop"
    ),
    "LOG_LEVEL": Variable("log_level", "INFO", _parse_level, "DEBUG, INFO, WARNING or ERROR"),
}
