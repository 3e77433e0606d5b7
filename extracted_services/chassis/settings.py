"""What the environment says about a process, checked whole before anything starts.

Every problem is found at once and told in the words of the variable that caused it. A value that may
hold a password (a database URL, a token) is never repeated in a message.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Any, NamedTuple, TypeVar

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
_BROKER = re.compile(r"sqlite:///[^?#]+|kafka://[^\s/?#,]+(,[^\s/?#,]+)*/?")
_TOKEN = re.compile(r"[!-~]{1,256}")


class SettingsError(ValueError):
    """The environment cannot be used; `problems` has one line for each variable that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonSettings:
    """What every service is told. Times are in seconds; URLs end without a slash.

    `internal_token` None means the token of this folder's processes (`chassis.internal_token`).
    """

    host: str
    port: int
    database: URL
    broker_url: str
    internal_token: str | None = field(repr=False)
    legacy_url: str
    jwks_url: str
    log_level: str
    shutdown_timeout: int


class Variable(NamedTuple):
    """One environment variable: the setting it fills, its default, how it is read, and what it means.

    A default may name variables that stand before it: `$LEGACY_URL/path`.
    """

    setting: str
    default: str
    parse: Callable[[str], Any]
    meaning: str


S = TypeVar("S", bound=CommonSettings)


def read_settings(environment: Mapping[str, str], variables: Mapping[str, Variable], kind: type[S]) -> S:
    """Settings of a service from environment variables; one that is unset or empty means its default.

    Raises SettingsError with every bad variable.
    """
    values: dict[str, Any] = {}
    read: dict[str, str] = {}
    problems: list[str] = []
    for name, variable in variables.items():
        try:
            text = environment.get(name) or Template(variable.default).substitute(read)
            values[variable.setting] = variable.parse(text)
            read[name] = str(values[variable.setting])
        except KeyError:
            continue  # its default rests on a variable that is told to be wrong
        except ValueError as problem:
            problems.append(f"{name}: {problem}")
    if problems:
        raise SettingsError(problems)
    return kind(**values)


def parse_host(text: str) -> str:
    if any(character.isspace() or character == "/" for character in text):
        raise ValueError(f"{text!r} is not a host name or address (example: 127.0.0.1)")
    return text.removeprefix("[").removesuffix("]")


def parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 65536):
        raise ValueError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def parse_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise ValueError(f"{text!r} is not a number of seconds above 0 and at most 3600")
    return seconds


def parse_whole_seconds(text: str) -> int:
    return max(1, round(parse_seconds(text)))


def parse_level(text: str) -> str:
    level = text.upper()
    if level not in LOG_LEVELS:
        raise ValueError(f"{text!r} is not one of {', '.join(LOG_LEVELS)}")
    return level


def parse_http_url(text: str) -> str:
    url = _parse_url(text)
    if url.drivername not in ("http", "https") or not url.host:
        raise ValueError("must be an http:// or https:// URL (example: http://127.0.0.1:8000)")
    if url.username or url.password or "?" in text or "#" in text:
        raise ValueError("must be without user, password, query and fragment")
    return text.rstrip("/")


def parse_database(text: str) -> URL:
    url = _parse_url(text)
    driver = DRIVERS.get(url.drivername)
    if driver is None:
        raise ValueError(f"{url.drivername}:// is not supported; use sqlite:// or postgresql://")
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("must name a file, or the database would be empty at every start")
    return url.set(drivername=driver)


def parse_broker(text: str) -> str:
    if _BROKER.fullmatch(text) is None:
        raise ValueError("must look like sqlite:///path or kafka://host:port[,host:port]")
    return text.rstrip("/")


def parse_token(text: str) -> str | None:
    if not text:
        return None
    if _TOKEN.fullmatch(text) is None:
        raise ValueError("must be 1 to 256 visible ASCII characters")
    return text


def _parse_url(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("this is not a URL") from None


def common_variables(service: str, port: int) -> dict[str, Variable]:
    """The variables of `CommonSettings`, with the defaults of one service; it adds its own behind them."""
    return {
        "HOST": Variable("host", "127.0.0.1", parse_host, "address to listen on"),
        "PORT": Variable("port", str(port), parse_port, "port to listen on; 0 takes a free one and logs it"),
        "DATABASE_URL": Variable(
            "database",
            f"sqlite:///var/{service}.db",
            parse_database,
            "this service's own database: sqlite:// or postgresql://",
        ),
        "BROKER_URL": Variable(
            "broker_url",
            "sqlite:///var/broker.db",
            parse_broker,
            "where events are published and read: sqlite:// or kafka://",
        ),
        "INTERNAL_TOKEN": Variable(
            "internal_token",
            "",
            parse_token,
            "what the shop's processes show each other; unset: the token in var/internal-token, made at first start",
        ),
        "LEGACY_URL": Variable("legacy_url", "http://127.0.0.1:8000", parse_http_url, "the monolith"),
        "SHOP_JWKS_URL": Variable(
            "jwks_url",
            "$LEGACY_URL/.well-known/jwks.json",
            parse_http_url,
            "the public keys that callers' tokens are verified with",
        ),
        "LOG_LEVEL": Variable("log_level", "INFO", parse_level, "DEBUG, INFO, WARNING or ERROR"),
        "SHUTDOWN_TIMEOUT": Variable(
            "shutdown_timeout", "30", parse_whole_seconds, "seconds that requests under way are given at a stop"
        ),
    }


ORDERS_URL = Variable("orders_url", "http://127.0.0.1:8101", parse_http_url, "the orders service")
PAYMENTS_URL = Variable("payments_url", "http://127.0.0.1:8102", parse_http_url, "the payments service")
INVENTORY_URL = Variable("inventory_url", "http://127.0.0.1:8103", parse_http_url, "the inventory service")
