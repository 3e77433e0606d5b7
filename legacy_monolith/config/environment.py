"""What the environment may say about this process, read once and checked as a whole.

Every wrong value is named in one `ImproperlyConfigured`; nothing here touches the disk.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK_HOSTS = ("localhost", ".localhost", "127.0.0.1", "[::1]")
SERVICES = (("orders", "ORDERS_URL", 8101), ("payments", "PAYMENTS_URL", 8102), ("inventory", "INVENTORY_URL", 8103))
SWITCH = {"": False, "0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


@dataclass(frozen=True)
class Environment:
    host: str
    port: int
    data_dir: Path
    database: dict
    secret_key: str | None
    allowed_hosts: tuple[str, ...]
    csrf_trusted_origins: tuple[str, ...]
    trust_forwarded_proto: bool
    secure_cookies: bool
    debug: bool
    log_format: str
    log_level: str
    seed: bool
    broker_url: str
    internal_token: str | None
    internal_token_file: Path
    service_urls: dict[str, str]

    def database_folders(self) -> list[Path]:
        """The folder of the database file, if it is a file."""
        name = self.database["NAME"]
        return [name.parent] if isinstance(name, Path) else []


def read_environment(values: Mapping[str, str]) -> Environment:
    """The environment as typed values; raises `ImproperlyConfigured` naming every problem, one a line."""
    problems: list[str] = []
    data_dir = Path(values.get("DATA_DIR") or ROOT / "var" / "legacy_monolith").resolve()
    # What the shop shares with the services: where they look for it when nobody tells them otherwise, unless this shop
    # has a folder of its own.
    shared = data_dir if values.get("DATA_DIR") else ROOT / "var"
    environment = Environment(
        host=values.get("HOST") or "127.0.0.1",
        port=_port(values.get("PORT") or "8000", problems),
        data_dir=data_dir,
        database=_database(values.get("DATABASE_URL") or f"sqlite:///{data_dir / 'shop.sqlite3'}", problems),
        secret_key=values.get("SECRET_KEY") or None,
        allowed_hosts=_names(values.get("ALLOWED_HOSTS")) or LOOPBACK_HOSTS,
        csrf_trusted_origins=_origins(values.get("CSRF_TRUSTED_ORIGINS"), problems),
        trust_forwarded_proto=_switch("TRUST_FORWARDED_PROTO", values, problems),
        secure_cookies=_switch("SECURE_COOKIES", values, problems),
        debug=_switch("DEBUG", values, problems),
        log_format=_choice("LOG_FORMAT", values, ("json", "plain"), problems),
        log_level=_choice("LOG_LEVEL", values, ("info", "debug", "warning", "error"), problems).upper(),
        seed=_switch("SEED", values, problems),
        broker_url=_broker(values.get("BROKER_URL") or f"sqlite:///{shared / 'broker.db'}", problems),
        internal_token=_token(values.get("INTERNAL_TOKEN"), problems),
        internal_token_file=shared / "internal-token",
        service_urls={
            name: _url(variable, values.get(variable) or f"http://127.0.0.1:{port}", problems)
            for name, variable, port in SERVICES
        },
    )
    if problems:
        raise ImproperlyConfigured("\n".join(problems))
    return environment


def _port(text: str, problems: list[str]) -> int:
    if text.isascii() and text.isdigit() and int(text) < 65536:
        return int(text)
    problems.append(f"PORT must be a number from 0 to 65535, not {text!r}")
    return 0


def _database(url: str, problems: list[str]) -> dict:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(parts.path.removeprefix("/"), problems)
    if parts.scheme in ("postgresql", "postgres"):
        return _postgresql(parts, problems)
    # The value is not repeated: it may hold a password.
    problems.append("DATABASE_URL must look like sqlite:///path or postgresql://user:password@host/name")
    return {}


def _sqlite(path: str, problems: list[str]) -> dict:
    if not path:
        problems.append("DATABASE_URL names no file: write sqlite:///path")
    return {
        "ENGINE": "legacy_monolith.config.sqlite",
        "NAME": path if path == ":memory:" else Path(unquote(path)).resolve(),
        "OPTIONS": {
            # A transaction that begins by reading and then writes would otherwise fail at once when another one writes.
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def _postgresql(parts, problems: list[str]) -> dict:
    if find_spec("psycopg") is None:
        problems.append("DATABASE_URL names PostgreSQL, but its driver psycopg is not installed")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
    }


def _broker(url: str, problems: list[str]) -> str:
    if not re.fullmatch(r"sqlite:///[^?#]+|kafka://[^\s/?#@]+", url):
        problems.append("BROKER_URL must look like sqlite:///path or kafka://host:port,host:port")
    return url


def _token(text: str | None, problems: list[str]) -> str | None:
    if text and not re.fullmatch(r"[!-~]{1,256}", text):
        problems.append("INTERNAL_TOKEN must be 1 to 256 visible ASCII characters")
    return text or None


def _url(variable: str, text: str, problems: list[str]) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        problems.append(f"{variable} must look like http://host:port")
    return text.rstrip("/")


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _origins(text: str | None, problems: list[str]) -> tuple[str, ...]:
    origins = _names(text)
    problems.extend(
        f"CSRF_TRUSTED_ORIGINS holds {origin!r}: write it with its scheme, as https://shop.example"
        for origin in origins
        if "://" not in origin
    )
    return origins


def _switch(name: str, values: Mapping[str, str], problems: list[str]) -> bool:
    text = values.get(name, "").lower()
    if text not in SWITCH:
        problems.append(f"{name} must be 0 or 1, not {text!r}")
    return SWITCH.get(text, False)


def _choice(name: str, values: Mapping[str, str], choices: tuple[str, ...], problems: list[str]) -> str:
    """One of the choices; the first is the default."""
    text = (values.get(name) or choices[0]).lower()
    if text not in choices:
        problems.append(f"{name} must be one of {', '.join(choices)}, not {text!r}")
    return text
