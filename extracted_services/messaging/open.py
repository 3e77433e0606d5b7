"""A broker's URL → the bus that speaks to it. Moving from the embedded log to Kafka is a change of this URL.

Nothing is contacted here: a bus that is away shows when it is used.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from extracted_services.messaging.ports import Bus

FORMS = "sqlite:///path/to/broker.db, sqlite:////absolute/path/broker.db or kafka://host:port[,host:port…]"


def open_bus(url: str, *, client: str) -> Bus:
    """The bus at `url`; `client` names this process to a broker. Raises ValueError that says what is wrong."""
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError(f"a broker URL has neither ? nor #: {FORMS}")
    if parts.scheme == "sqlite":
        from extracted_services.messaging.embedded.bus import EmbeddedBus

        return EmbeddedBus(database_path(parts.netloc, parts.path))
    if parts.scheme == "kafka":
        try:
            from extracted_services.messaging.kafka.bus import KafkaBus
        except ModuleNotFoundError as error:
            raise ValueError(f"kafka:// needs aiokafka, which the extra [kafka] brings ({error})") from error
        return KafkaBus(bootstrap_servers(parts.netloc, parts.path), client=client)
    raise ValueError(f"{parts.scheme or 'no scheme'}: not a broker that is known; {FORMS}")


def database_path(netloc: str, path: str) -> Path:
    """The file of a SQLite URL, relative after three slashes, absolute after four."""
    if netloc or len(path) < 2:
        raise ValueError(f"a SQLite URL has three slashes and a path: {FORMS}")
    return Path(unquote(path[1:]))


def bootstrap_servers(netloc: str, path: str) -> list[str]:
    """host:port of each broker named."""
    if path not in ("", "/") or "@" in netloc:
        raise ValueError(f"a Kafka URL names brokers and nothing else: {FORMS}")
    servers = netloc.split(",")
    for server in servers:
        host, colon, port = server.rpartition(":")
        if not (host and colon and port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError(f"{server!r} is not host:port: {FORMS}")
    return servers
