"""`python -m legacy_monolith`: brings the database up to date, fills it if told to, and serves the shop.

Ends with 0 after SIGTERM or Ctrl-C, 1 when it cannot serve, 2 when it is configured wrongly; never with a traceback.
"""

import argparse
import os
import signal
import sys
from types import FrameType

import django
import uvicorn
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from legacy_monolith.config.lifecycle import stopping

GRACE_S = 10
KEEP_ALIVE_S = 75  # longer than the proxy keeps an idle connection (60 s): who closes it must not meet a request


def main() -> int:
    options = _read_options()
    # uvicorn raises the signal it was stopped with once more when it is done; that is not a failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "legacy_monolith.config.settings")
    try:
        django.setup()
        _prepare_database(options)
        _serve()
    except ImproperlyConfigured as error:
        print(f"legacy_monolith: {error}", file=sys.stderr)  # noqa: T201 - logging is not configured yet
        return 2
    except (DatabaseError, CommandError, OSError) as error:
        print(f"legacy_monolith: {error}", file=sys.stderr)  # noqa: T201 - for the person who started it
        return 1
    except KeyboardInterrupt:
        return 0
    except SystemExit as end:  # from the handler above, or from uvicorn, which has said why
        return 1 if end.code else 0
    return 0


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m legacy_monolith", description="Serve the shop.")
    parser.add_argument("--seed", action="store_true", help="fill an empty shop with sample data (or SEED=1)")
    parser.add_argument("--products", type=int, help="how many products the sample data has (400)")
    parser.add_argument("--orders", type=int, help="how many orders (3000)")
    parser.add_argument("--users", type=int, help="how many customers (200)")
    return parser.parse_args()


def _prepare_database(options: argparse.Namespace) -> None:
    call_command("migrate", verbosity=0, interactive=False)
    if options.seed or settings.ENVIRONMENT.seed:
        size = {name: getattr(options, name) for name in ("products", "orders", "users")}
        call_command("seed", **{name: count for name, count in size.items() if count is not None})


class Server(uvicorn.Server):
    """uvicorn, telling the event streams to end when it is told to stop."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        stopping.set()
        super().handle_exit(sig, frame)


def _serve() -> None:
    from legacy_monolith.sync.background import Background  # only possible with settings

    environment = settings.ENVIRONMENT
    config = uvicorn.Config(
        "legacy_monolith.config.asgi:application",
        host=environment.host,
        port=environment.port,
        log_config=None,  # Django's logging covers uvicorn too
        access_log=False,
        lifespan="off",
        ws="none",
        # Forwarded headers are Django's affair, and only when the environment says so.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    background = Background(environment.broker_url)
    background.start()
    try:
        Server(config).run()
    finally:
        background.stop()


if __name__ == "__main__":
    sys.exit(main())
