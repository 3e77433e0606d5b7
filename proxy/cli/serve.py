"""`strangler serve`: run the proxy until it is told to end."""

import os
import sys

import click

from proxy.cli.address import AddressType
from proxy.cli.options import config_option
from proxy.config.model import Address
from proxy.control.spawner import Commands
from proxy.control.startup import Wanted, serve
from proxy.observability.log import Log

MAX_WORKERS = 256


class WorkersType(click.ParamType[int]):
    """A number, or `auto`: one for each processor this process may use."""

    name = "n|auto"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "auto":
            return max(1, len(os.sched_getaffinity(0)))
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor auto", param, ctx)
        if not 1 <= number <= MAX_WORKERS:
            self.fail(f"{number} is not between 1 and {MAX_WORKERS}", param, ctx)
        return number


@click.command("serve", short_help="Run the proxy.")
@config_option
@click.option(
    "--workers",
    type=WorkersType(),
    metavar="N|auto",  # as it is typed: click would print the type's name in capitals
    default=1,
    show_default=True,
    help="Processes that answer requests; auto: one for each processor.",
)
@click.option("--public", type=AddressType(), help="Listen for users here instead of at listen.public.")
@click.option("--console", type=AddressType(), help="Listen for operators here instead of at listen.console.")
def command(config: str, workers: int, public: Address | None, console: Address | None) -> None:
    """Serve the routes of the file until ended.

    SIGHUP (or `strangler reload`) reads the file again, SIGUSR2 restarts the workers one by one, SIGTERM and Ctrl-C
    answer what has been asked and end; a second one ends at once.
    """
    commands = Commands(
        worker=(sys.executable, "-m", "proxy.control.embedded"),
        control=(sys.executable, "-m", "proxy.admin.process"),
    )
    sys.exit(serve(Wanted(config, workers, public, console), commands, environ=os.environ, log=Log("supervisor")))
