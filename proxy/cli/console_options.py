"""What the commands share that speak to a running server: where it is, the token, what a failure looks like."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from proxy.cli.address import AddressType
from proxy.config.errors import ConfigError
from proxy.config.model import Address
from proxy.config.source import load_file
from proxy.control.announcement import read_console_address
from proxy.control.token import find_token
from proxy.operations.console import Console
from proxy.operations.errors import Code, OperationError

DEFAULT_STATE = ".strangler"
EXIT_CODES = {Code.UNREACHABLE: 3, Code.REFUSED: 4, Code.INVALID: 2, Code.NOT_MET: 1}
GOES_ON = 5  # no failure: what was begun is not over, and the server goes on with it

console_option = click.option(
    "--console",
    type=AddressType(),
    envvar="STRANGLER_CONSOLE",
    show_envvar=True,
    help="Where the server's console is, if not where the file says.",
)


def find_console(config: str, address: Address | None) -> Console:
    """The console of the server that runs `config`: where it was told to be, where it says it is, where the file says.

    Works on a file with problems too: that is when an operator asks. Raises `OperationError` when nothing tells.
    """
    try:
        snapshot = load_file(config, os.environ)
    except ConfigError as error:
        state_dir, written, problems = str(Path(config).absolute().parent / DEFAULT_STATE), None, error.problems
    else:
        state_dir, written, problems = snapshot.state_dir, snapshot.listen.console, ()
    found = address or read_console_address(state_dir) or written
    if found is None or found.port == 0:
        details = (*map(str, problems), "name the console with --console HOST:PORT")
        raise OperationError(Code.INVALID, "nothing says where the console of a running server is", details)
    return Console(found, find_token(state_dir, os.environ))


@contextmanager
def reporting_failures() -> Iterator[None]:
    """Print an `OperationError` on stderr and exit with its code."""
    try:
        yield
    except OperationError as error:
        for detail in error.details:
            click.echo(detail, err=True)
        click.echo(f"strangler: {error.message}", err=True)
        sys.exit(EXIT_CODES[error.code])
